"""Replay after a rollback: what the restored version says about stored bids, beside the baseline (spec O39, W62)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.evidence import Verdict

VERDICT_CHANGES = 0  # on golden, O39
CITATION_LOSS = 0.01  # share of the baseline's citations that may be missing (recall -0.01, O39)
REPLAY_SECONDS = 1200  # W62
FOUND = ("evaluating", "queued")  # an evaluation in one of these has not said all it has to say


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A row of `release_replays`; `token_ciphertext` is the machine's callback, sealed (W86)."""

    release_id: str
    rollback_no: int
    run_id: str
    token_ciphertext: bytes
    status: str
    is_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayCase:
    """One stored bid: the evaluation that counts as the baseline and the one that repeats it."""

    baseline_id: str
    evaluation_id: str


def machine_verdicts(revisions: Sequence[Sequence[Verdict]]) -> dict[str, Verdict]:
    """The first revision of each criterion: what the machine said before any person did."""
    return {each[0].criterion_id: each[0] for each in revisions if each}


def compare(baseline: Mapping[str, Verdict], replayed: Mapping[str, Verdict]) -> dict[str, Any]:
    """Counts and names of what differs; texts are not part of it (O2)."""
    changed = sorted(
        criterion
        for criterion in baseline.keys() | replayed.keys()
        if _says(baseline.get(criterion)) != _says(replayed.get(criterion))
    )
    cited = {(c, place) for c, verdict in baseline.items() for place in _places(verdict)}
    again = {(c, place) for c, verdict in replayed.items() for place in _places(verdict)}
    return {
        "criteria": len(baseline),
        "changed": changed,
        "citations": len(cited),
        "citations_missing": len(cited - again),
    }


def has_passed(differences: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all cases together stay within the tolerances; without a single criterion nothing is proven."""
    changes = sum(len(each["changed"]) for each in differences)
    cited = sum(each["citations"] for each in differences)
    missing = sum(each["citations_missing"] for each in differences)
    compared = sum(each["criteria"] for each in differences)
    return compared > 0 and changes <= VERDICT_CHANGES and missing <= CITATION_LOSS * cited


def _says(verdict: Verdict | None) -> tuple[Any, ...] | None:
    return None if verdict is None else (verdict.outcome, verdict.score_state, verdict.score)


def _places(verdict: Verdict) -> set[tuple[str, int, int]]:
    return {(each.chunk_id, each.start, each.end) for claim in verdict.claims for each in claim.citations}
