"""ExpireReview: nobody answered in time; the evaluation is parked, nothing is decided (spec W47, W92)."""

from dataclasses import dataclass

from shared.domain.errors import Refused
from shared.domain.evaluation_rows import Review
from shared.domain.transitions import JOB, is_terminal
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireReview:
    """Which evaluation waited."""

    evaluation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredReview:
    """`decision` is expired, or the decision that was stored in time and wins."""

    review_id: str
    decision: str


def expire_review(command: ExpireReview, *, records: Records) -> ExpiredReview:
    """Expire review and wait, park the evaluation, cancel the job; a repeat or a stored answer changes nothing."""
    with records.transaction():
        newest = records.reviews.list(filters={"evaluation_id": command.evaluation_id}, before=None, limit=1)
        if not newest:
            raise Refused("REVIEW_NOT_FOUND")
        review = records.reviews.get(newest[0].review_id, lock=True)
        if review.status in ("submitted", "applied") and review.decision is not None:
            return ExpiredReview(review_id=review.review_id, decision=review.decision)
        if review.status in ("open", "claimed"):
            _park(records, review)
    return ExpiredReview(review_id=review.review_id, decision="expired")


def _park(records: Records, review: Review) -> None:
    records.moves.review(review, "expired", resume_token_hash=None)
    wait = records.reviews.wait_of(review.review_id)
    if wait is not None:
        records.reviews.close_wait(wait.wait_id, "expired")
    evaluation = records.evaluations.get(review.evaluation_id, lock=True)
    records.moves.evaluation(evaluation, "parked")
    job = records.jobs.get(evaluation.job_id or "", lock=True)
    run = records.jobs.newest_run(job.job_id)
    payload = {"review_id": review.review_id, "evaluation_id": review.evaluation_id}
    records.trail.run_event(run.run_id, "review.expired", stage="review", payload=payload)
    records.trail.run_event(run.run_id, "run.parked", stage="review", payload=payload)
    if not is_terminal(JOB, job.status):
        records.moves.job(job, "canceled", error_code="WF_INTERRUPT_EXPIRED", cancel_reason="review expired")
    records.moves.close_run(run.run_id, "stopped")
