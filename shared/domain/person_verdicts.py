"""The verdict that a person's decision makes: a new revision, the old one kept (spec W75, E76-E80)."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from shared.domain.evaluation_rows import Decision
from shared.domain.evidence import Citation, Claim, Verdict

NEED_EVIDENCE = ("pass", "fail", "partial")
STANCES = {"fail": "contradicts", "not_found": "absent"}


def decided_verdict(before: Verdict, decision: Decision, citations: Sequence[Citation], *, verdict_id: str) -> Verdict:
    """The revision after `before`. An accepted suggestion keeps outcome, score and claims; an edit sets what it names.

    `citations` are the person's own, verified ones; without any the suggestion's claims stay when the outcome does.
    A result that no citation supports is marked `expert_only` (E78)."""
    if decision.action != "edit":
        accepted = _next(before, decision, verdict_id)
        return replace(accepted, expert_only=_is_expert_only(accepted))
    outcome = decision.outcome or _outcome_of(decision.score, before)
    score = decision.score if decision.score is not None else _kept_score(before, outcome)
    claims = before.claims if outcome == before.outcome else ()
    if citations:
        claims = (Claim(text=decision.comment, stance=STANCES.get(outcome, "supports"), citations=tuple(citations)),)
    edited = replace(
        _next(before, decision, verdict_id),
        outcome=outcome,
        score=score,
        score_state=_score_state(before, score),
        reason=decision.comment,
        claims=claims,
        unsupported_claims=(),
        confidence=None,
        confidence_parts={},
    )
    return replace(edited, expert_only=_is_expert_only(edited))


def _next(before: Verdict, decision: Decision, verdict_id: str) -> Verdict:
    return replace(
        before,
        verdict_id=verdict_id,
        revision=before.revision + 1,
        supersedes=before.verdict_id,
        source="person",
        decision_id=decision.decision_id,
        review_reasons=(),
    )


def _outcome_of(score: Decimal | None, before: Verdict) -> str:
    """A score alone decides what was open: all points pass, none fail, the rest partial."""
    if score is None or before.outcome != "needs_human":
        return before.outcome
    return "pass" if score == before.max_score else "fail" if score == 0 else "partial"


def _kept_score(before: Verdict, outcome: str) -> Decimal | None:
    """A score belongs to its outcome; a new outcome without a score has none, a failed one has 0."""
    if outcome == before.outcome:
        return before.score
    return Decimal(0) if outcome == "fail" and before.max_score > 0 else None


def _score_state(before: Verdict, score: Decimal | None) -> str:
    if score is not None:
        return "scored"
    return "not_applicable" if before.max_score == 0 else "insufficient_evidence"


def _is_expert_only(verdict: Verdict) -> bool:
    cited = any(claim.citations for claim in verdict.claims)
    return not cited and (verdict.outcome in NEED_EVIDENCE or verdict.score is not None)
