"""Compare what the restored version said with the baseline, and answer the machine that waits for it (W62, O39)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.domain.evidence import Verdict
from shared.domain.releases import PLATFORM_TENANT, ReleaseStep
from shared.domain.replays import FOUND, Replay, ReplayCase, compare, has_passed, machine_verdicts
from shared.ports.platform import Vault, Workflows
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareReplays:
    """Nothing to say: the rows tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedReplays:
    """How many replays were decided."""

    compared: int


def compare_replays(
    command: CompareReplays,
    *,
    records_of: Callable[[str], Records],
    workflows: Workflows,
    vault: Vault,
    cancel_item: Callable[[Records, str], bool],
) -> ComparedReplays:
    """Decide each open replay whose evaluations have said all they have to say, or whose time is over.

    The row is written before the machine is woken: FinishRollback believes the row alone. A replayed bid that asks
    for people is compared as it stands, with what the machine says, and then canceled."""
    records, compared = records_of(PLATFORM_TENANT), 0
    for replay in records.releases.replays.open_ones():
        cases = records.releases.replays.cases(replay)
        if not replay.is_late and any(_is_running(records, case) for case in cases):
            continue
        differences = [_difference(records, case) for case in cases]
        passed = not replay.is_late and has_passed(differences)
        with records.transaction():
            if not records.releases.replays.close(replay, "passed" if passed else "failed", differences):
                continue
            _end_step(records, replay, passed)
        for case in cases:
            cancel_item(records, records.evaluations.get(case.evaluation_id).job_id or "")
        context = {"release_id": replay.release_id, "rollback_no": str(replay.rollback_no)}
        workflows.succeed(vault.decrypt(replay.token_ciphertext, context=context), {"passed": passed})
        compared += 1
    return ComparedReplays(compared=compared)


def _is_running(records: Records, case: ReplayCase) -> bool:
    return records.evaluations.get(case.evaluation_id).status in FOUND


def _difference(records: Records, case: ReplayCase) -> dict[str, object]:
    both = [machine_verdicts(_revisions(records, each)) for each in (case.baseline_id, case.evaluation_id)]
    return {"baseline_id": case.baseline_id, "evaluation_id": case.evaluation_id, **compare(*both)}


def _revisions(records: Records, evaluation_id: str) -> Sequence[Sequence[Verdict]]:
    runs = records.evaluations.criterion_runs(evaluation_id)
    return [records.verdicts.revisions(evaluation_id, run.criterion_id) for run in runs]


def _end_step(records: Records, replay: Replay, passed: bool) -> None:
    step = ReleaseStep(release_id=replay.release_id, step_no=0, kind="replay", rollback_no=replay.rollback_no)
    found = [
        each
        for each in records.releases.steps(replay.release_id)
        if each.kind == step.kind and each.rollback_no == step.rollback_no
    ]
    if found:
        records.releases.end_step(found[-1], verified=passed)
