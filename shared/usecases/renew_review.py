"""Keep a claimed review for another 15 minutes (spec E70, A101)."""

from dataclasses import dataclass
from datetime import timedelta

from shared.domain.errors import Refused
from shared.domain.evaluation_rows import Review
from shared.ports.platform import Clock
from shared.ports.records import Records

LEASE = timedelta(minutes=15)  # E70


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewReview:
    """Which review; only its holder can renew."""

    review_id: str


def renew_review(command: RenewReview, *, records: Records, clock: Clock) -> Review:
    """Extend the lease; the token stays. Raises Refused REVIEW_NOT_FOUND or REVIEW_CLAIM_LOST."""
    now = clock.now()
    with records.transaction():
        review = records.reviews.get(command.review_id, lock=True)
        own = review.status == "claimed" and review.claimed_by == records.actor.actor_id
        if not own or review.claim_expires_at is None or review.claim_expires_at <= now:
            raise Refused("REVIEW_CLAIM_LOST", details={"review_status": review.status})
        return records.reviews.renew(review, claim_expires_at=now + LEASE)
