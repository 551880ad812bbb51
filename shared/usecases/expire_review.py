"""ExpireReview: nobody answered in time; the evaluation is parked, nothing is decided (spec W47, W92)."""

from dataclasses import dataclass

from shared.domain.errors import Refused
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
            records.repairs.park(review)
    return ExpiredReview(review_id=review.review_id, decision="expired")
