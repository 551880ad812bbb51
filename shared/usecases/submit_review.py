"""Answer a review once: one person, one token, one transaction (spec W89, E75-E79, A104)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from shared.domain.canonical_json import plain_decimal
from shared.domain.chunks import Chunk
from shared.domain.citing import verify_quote
from shared.domain.criteria import Criterion
from shared.domain.decisions import Edit, check_decision, read_edit
from shared.domain.errors import Permanent, Refused
from shared.domain.evaluation_rows import Decision, Evaluation, Review
from shared.domain.plans import leaves
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitReview:
    """`decision` is approve, edit_scores or reject. An edit is {criterion_id or criterion (its code), score?, outcome?,
    reason, citations?: [{chunk_id, quote}]}; scores are decimal strings."""

    review_id: str
    resume_token: str
    decision: str
    comment: str
    edits: tuple[dict[str, Any], ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedReview:
    """The answered review and the job that goes on."""

    review: Review
    job_id: str
    run_id: str


def submit_review(command: SubmitReview, *, records: Records, ids: Ids, clock: Clock) -> SubmittedReview:
    """Store decision and decisions per item and wake the execution by review.submitted.

    Raises Refused REVIEW_NOT_FOUND, WF_INTERRUPT_REVIEWER_REQUIRED, WF_INTERRUPT_RESUME_INVALID (answered, canceled,
    token used or replaced; details say by whom and when), WF_INTERRUPT_EXPIRED, REVIEW_CLAIM_LOST, and what
    check_decision raises. The row lock lets one of many answers through."""
    if records.actor.kind != "user":
        raise Refused("WF_INTERRUPT_REVIEWER_REQUIRED")
    now = clock.now()
    with records.transaction():
        review = records.reviews.get(command.review_id, lock=True)
        _check_right(review, command.resume_token, records.actor.actor_id, now)
        evaluation = records.evaluations.get(review.evaluation_id)
        criteria = leaves(records.rule_packs.criteria(evaluation.rule_pack_id, evaluation.rule_pack_version))
        edits = _edits(records, evaluation, criteria, command.edits)
        verdicts = records.verdicts.current(evaluation.evaluation_id)
        check_decision(command.decision, command.comment, edits, criteria=criteria, verdicts=verdicts)
        if not command.comment.strip():
            raise Refused("REQ_VALIDATION_FAILED", "comment is required", details={"path": "comment"})
        records.reviews.append_decisions(_decisions(records, review, command, edits, criteria, ids))
        submitted = records.moves.review(
            review,
            "submitted",
            decision=command.decision,
            comment=command.comment,
            edits=[_stored(edit) for edit in edits],
            submitted_by=records.actor.actor_id,
            submitted_at=now,
            resume_token_hash=None,
        )
        run_id = _tell(records, evaluation, submitted)
    return SubmittedReview(review=submitted, job_id=evaluation.job_id or "", run_id=run_id)


def _check_right(review: Review, token: str, actor_id: str, now: datetime) -> None:
    """The conditions of W89; the first that fails decides the code."""
    if review.status in ("submitted", "applied", "canceled"):
        raise _used(review)
    if review.status == "expired" or review.due_at <= now:
        raise Refused("WF_INTERRUPT_EXPIRED", details={"due_at": review.due_at.isoformat()})
    if review.status == "open":
        raise Refused("REVIEW_CLAIM_LOST", details={"review_status": review.status})
    given = sha256(token.encode()).hexdigest()
    late = review.resume_token_expires_at is None or review.resume_token_expires_at <= now
    if late or not compare_digest(given, review.resume_token_hash or ""):
        raise _used(review)
    if review.claimed_by != actor_id or review.claim_expires_at is None or review.claim_expires_at <= now:
        raise Refused("REVIEW_CLAIM_LOST", details={"review_status": review.status})


def _used(review: Review) -> Refused:
    details = {
        "duplicate": review.submitted_at is not None,
        "review_status": review.status,
        "submitted_by": review.submitted_by,
        "submitted_at": review.submitted_at.isoformat(timespec="milliseconds") if review.submitted_at else None,
    }
    return Refused("WF_INTERRUPT_RESUME_INVALID", details=details)


def _edits(
    records: Records, evaluation: Evaluation, criteria: Sequence[Criterion], given: Sequence[Mapping[str, Any]]
) -> list[Edit]:
    """The edits with codes for ids and their quotes resolved to spans of the pinned documents."""
    codes = {criterion.criterion_id: criterion.code for criterion in criteria}
    pinned = {d.document_id: d.parse_run_id for d in records.evaluations.documents(evaluation.evaluation_id)}
    edits = []
    for number, payload in enumerate(given):
        named = payload.get("criterion") or codes.get(str(payload.get("criterion_id")))
        if named is None and payload.get("criterion_id"):
            raise Refused("CRITERION_NOT_FOUND", details={"criterion_id": payload["criterion_id"]})
        edit = read_edit({**payload, "criterion": named}, f"edits[{number}]")
        spans = [_span(records, pinned, citation) for citation in edit.citations]
        edits.append(replace(edit, citations=tuple(spans)))
    return edits


def _span(records: Records, pinned: Mapping[str, str], citation: Mapping[str, Any]) -> dict[str, Any]:
    """A quoted place as span; raises Refused CHUNK_NOT_FOUND outside the evaluation's documents."""
    chunk: Chunk = records.chunks.get(str(citation.get("chunk_id")))
    if pinned.get(chunk.document_id) != chunk.parse_run_id:
        raise Refused("CHUNK_NOT_FOUND")
    quote = str(citation.get("quote") or "")
    at = chunk.text.find(quote)
    try:
        found = verify_quote(chunk, quote, max(at, 0), max(at, 0) + len(quote))
    except Permanent as error:
        raise Refused(error.code, str(error), details=error.details) from error
    return {
        "chunk_id": found.chunk_id,
        "parse_run_id": found.parse_run_id,
        "start": found.start,
        "end": found.end,
        "match": found.match,
    }


def _decisions(
    records: Records,
    review: Review,
    command: SubmitReview,
    edits: Sequence[Edit],
    criteria: Sequence[Criterion],
    ids: Ids,
) -> list[Decision]:
    """One per criterion that was asked about or edited, in the order of the pack."""
    items = {item.criterion_id: item.item_id for item in records.reviews.items(review.review_id)}
    edited = {edit.criterion_code: edit for edit in edits}
    decisions = []
    for criterion in criteria:
        edit, item_id = edited.get(criterion.code), items.get(criterion.criterion_id)
        if edit is None and item_id is None:
            continue
        decisions.append(
            Decision(
                decision_id=ids.new("dec"),
                review_id=review.review_id,
                item_id=item_id,
                criterion_id=criterion.criterion_id,
                reviewer_id=records.actor.actor_id,
                action="reject" if command.decision == "reject" else "edit" if edit else "accept",
                score=edit.score if edit else None,
                outcome=edit.outcome if edit else None,
                comment=edit.reason if edit else command.comment,
                citations=[dict(span) for span in edit.citations] if edit else [],
            )
        )
    return decisions


def _stored(edit: Edit) -> dict[str, Any]:
    return {**asdict(edit), "score": None if edit.score is None else plain_decimal(edit.score)}


def _tell(records: Records, evaluation: Evaluation, review: Review) -> str:
    """Audit is written by the move; the event carries what the execution needs, and no token (W86)."""
    job_id = evaluation.job_id or ""
    run_id = records.jobs.newest_run(job_id).run_id
    payload = {"review_id": review.review_id, "evaluation_id": review.evaluation_id, "decision": review.decision}
    records.jobs.set_waiting(job_id, None)
    records.trail.publish(
        "review.submitted",
        ("review", review.review_id, review.row_version),
        payload,
        project_id=review.project_id,
        run_id=run_id,
        job_id=job_id,
    )
    submitted = {**payload, "submitted_by": review.submitted_by}
    records.trail.run_event(run_id, "review.submitted", stage="review", payload=submitted)
    return run_id
