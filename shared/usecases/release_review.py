"""Give a claimed review back to the queue (spec E70, A101)."""

from dataclasses import dataclass

from shared.domain.errors import Refused
from shared.domain.evaluation_rows import Review
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReview:
    """Which review; only its holder can release."""

    review_id: str


def release_review(command: ReleaseReview, *, records: Records) -> Review:
    """Open the review again; its token no longer counts. Raises Refused REVIEW_NOT_FOUND or REVIEW_CLAIM_LOST."""
    with records.transaction():
        review = records.reviews.get(command.review_id, lock=True)
        if review.status != "claimed" or review.claimed_by != records.actor.actor_id:
            raise Refused("REVIEW_CLAIM_LOST", details={"review_status": review.status})
        return records.moves.review(
            review, "open", claimed_by=None, claim_expires_at=None, resume_token_hash=None, resume_token_expires_at=None
        )
