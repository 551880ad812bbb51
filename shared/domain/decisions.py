"""What a reviewer may decide: checks before anything changes (E75-E79)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from shared.domain.criteria import Criterion
from shared.domain.errors import Refused
from shared.domain.evidence import OUTCOMES, Verdict

DECISIONS = ("approve", "reject", "edit_scores")
MIN_REASON = 10
REMINDERS_PCT = (50, 80)  # of the wait, W88


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One changed criterion. `score` None leaves an unscored criterion unscored; `citations` are citation ids or
    quoted places that the caller has resolved. `expert_only` marks points that no passage supports (E78)."""

    criterion_code: str
    score: Decimal | None
    outcome: str | None
    reason: str
    citations: tuple[dict[str, Any], ...] = field(default=())
    expert_only: bool = False


def check_decision(
    decision: str,
    comment: str,
    edits: Sequence[Edit],
    *,
    criteria: Sequence[Criterion],
    verdicts: Sequence[Verdict],
    approvals: frozenset[str] = frozenset(),
) -> None:
    """Raise unless the decision may be stored (E79):

    REQ_VALIDATION_FAILED for an unknown decision, a missing comment, reason or edit; CRITERION_NOT_FOUND;
    REVIEW_SCORE_OUT_OF_RANGE (range or step); REVIEW_INCOMPLETE when approval or edits leave a scored criterion without
    a score or an unsupported claim open; APPROVAL_REQUIRED for points without a citation or an overturned red line,
    unless `approvals` lists the criterion code."""
    if decision not in DECISIONS:
        raise _invalid("decision", f"must be one of {', '.join(DECISIONS)}")
    if decision != "approve" and len(comment.strip()) < MIN_REASON:
        raise _invalid("comment", f"needs at least {MIN_REASON} characters")
    if decision == "reject":
        return
    if decision == "edit_scores" and not edits:
        raise _invalid("edits", "edit_scores needs at least one edit")
    if decision == "approve" and edits:
        raise _invalid("edits", "approve takes the suggestion as it is; use edit_scores")
    by_code = {criterion.code: criterion for criterion in criteria if criterion.kind != "group"}
    current = {verdict.criterion_id: verdict for verdict in verdicts}
    _check_duplicates(edits)
    for edit in edits:
        _check_edit(edit, by_code, current, approvals)
    check_all_decided(edits, criteria=list(by_code.values()), verdicts=verdicts)


def read_edit(payload: Mapping[str, Any], path: str) -> Edit:
    """Read {"criterion", "score"?, "outcome"?, "reason", "citations"?}; raises REQ_VALIDATION_FAILED with the path."""
    if not isinstance(payload.get("criterion"), str):
        raise _invalid(f"{path}.criterion", "is required")
    score = payload.get("score")
    try:
        number = None if score is None else Decimal(str(score))
    except InvalidOperation as error:
        raise _invalid(f"{path}.score", "is not a number") from error
    if number is not None and not number.is_finite():
        raise _invalid(f"{path}.score", "is not a number")
    return Edit(
        criterion_code=payload["criterion"],
        score=number,
        outcome=payload.get("outcome"),
        reason=str(payload.get("reason") or ""),
        citations=tuple(payload.get("citations") or ()),
        expert_only=bool(payload.get("expert_only", False)),
    )


def _check_duplicates(edits: Sequence[Edit]) -> None:
    codes = [edit.criterion_code for edit in edits]
    for number, code in enumerate(codes):
        if code in codes[:number]:
            raise _invalid(f"edits[{number}].criterion", f"{code} is edited twice")


def _check_edit(
    edit: Edit, by_code: Mapping[str, Criterion], current: Mapping[str, Verdict], approvals: frozenset[str]
) -> None:
    criterion = by_code.get(edit.criterion_code)
    if criterion is None:
        raise Refused("CRITERION_NOT_FOUND", details={"criterion": edit.criterion_code})
    if len(edit.reason.strip()) < MIN_REASON:
        raise _invalid(f"edits.{criterion.code}.reason", f"needs at least {MIN_REASON} characters")
    if edit.outcome is not None and edit.outcome not in OUTCOMES:
        raise _invalid(f"edits.{criterion.code}.outcome", f"must be one of {', '.join(OUTCOMES)}")
    _check_score(edit, criterion)
    verdict = current.get(criterion.criterion_id)
    if criterion.code in approvals:
        return
    if is_red_line_overturned(edit, criterion, verdict):
        raise _approval(criterion, "overturning a red line needs an approval with two votes")
    if needs_expert_approval(edit, verdict):
        raise _approval(criterion, "points that no passage supports need an approval")


def _check_score(edit: Edit, criterion: Criterion) -> None:
    """Inside 0..max_score and on the step; a criterion without points takes no score."""
    score, step = edit.score, criterion.score_step
    if score is None:
        return
    on_step = step <= 0 or score % step == 0 or score == criterion.max_score
    if criterion.max_score <= 0 or not 0 <= score <= criterion.max_score or not on_step:
        limits = {"criterion": criterion.code, "max_score": str(criterion.max_score), "score_step": str(step)}
        raise Refused("REVIEW_SCORE_OUT_OF_RANGE", details={**limits, "score": str(score)})


def is_red_line_overturned(edit: Edit, criterion: Criterion, verdict: Verdict | None) -> bool:
    """A veto that verified text shows as hit is declared passed (E78)."""
    return criterion.kind == "veto" and verdict is not None and verdict.outcome == "fail" and edit.outcome == "pass"


def needs_expert_approval(edit: Edit, verdict: Verdict | None) -> bool:
    """Points, or a verdict of pass or partial, that no passage supports (E78). The citations of the suggestion stay
    only with its own outcome; a changed outcome brings its own."""
    kept = verdict is not None and edit.outcome in (None, verdict.outcome)
    cited = bool(edit.citations) or (kept and verdict is not None and any(claim.citations for claim in verdict.claims))
    return not cited and ((edit.score or Decimal(0)) > 0 or edit.outcome in ("pass", "partial"))


def check_all_decided(edits: Sequence[Edit], *, criteria: Sequence[Criterion], verdicts: Sequence[Verdict]) -> None:
    """Raise REVIEW_INCOMPLETE with the codes that stay without a score, or with an unsupported claim open (E75)."""
    edited = {edit.criterion_code: edit for edit in edits}
    current = {verdict.criterion_id: verdict for verdict in verdicts}
    unscored, unsupported = [], []
    for criterion in criteria:
        edit, verdict = edited.get(criterion.code), current.get(criterion.criterion_id)
        has_score = (edit is not None and edit.score is not None) or (
            verdict is not None and (verdict.score is not None or verdict.score_state == "pending_cohort")
        )
        if criterion.max_score > 0 and not has_score:
            unscored.append(criterion.code)
        if edit is None and verdict is not None and verdict.unsupported_claims:
            unsupported.append(criterion.code)
    if unscored or unsupported:
        raise Refused("REVIEW_INCOMPLETE", details={"without_score": unscored, "unsupported_claims": unsupported})


def _invalid(path: str, message: str) -> Refused:
    return Refused("REQ_VALIDATION_FAILED", f"{path} {message}", details={"path": path, "message": message})


def _approval(criterion: Criterion, message: str) -> Refused:
    return Refused("APPROVAL_REQUIRED", message, details={"criterion": criterion.code})
