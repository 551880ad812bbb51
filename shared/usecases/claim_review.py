"""Take a review for 15 minutes and get the token that answers it (spec E70, W86, W87, A101)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from shared.domain.errors import Refused
from shared.domain.evaluation_rows import Review
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records

LEASE = timedelta(minutes=15)  # E70
TOKEN_LIFE = timedelta(hours=24)  # W87


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimReview:
    """Which review; the actor takes it."""

    review_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedReview:
    """The lease, and the resume token that is shown only here."""

    review: Review
    resume_token: str
    expires_at: datetime


def claim_review(command: ClaimReview, *, records: Records, ids: Ids, clock: Clock) -> ClaimedReview:
    """Lease the review and replace its resume token; the holder may claim again.

    Raises Refused REVIEW_NOT_FOUND, WF_INTERRUPT_REVIEWER_REQUIRED, WF_INTERRUPT_EXPIRED, REVIEW_CLAIM_CONFLICT, or
    WF_STATE_TRANSITION_INVALID when the review has ended."""
    if records.actor.kind != "user":
        raise Refused("WF_INTERRUPT_REVIEWER_REQUIRED")
    now = clock.now()
    with records.transaction():
        review = records.reviews.get(command.review_id, lock=True)
        _check(review, records.actor.actor_id, now)
        token = ids.token("rt_")
        lease = {
            "claim_expires_at": now + LEASE,
            "resume_token_hash": sha256(token.encode()).hexdigest(),
            "resume_token_expires_at": min(review.due_at, now + TOKEN_LIFE),
        }
        if review.status == "claimed" and review.claimed_by == records.actor.actor_id:
            claimed = records.reviews.renew(review, **lease)
            records.trail.audit("review.token_replaced", "review", review.review_id)
        else:
            if review.status == "claimed":
                review = records.moves.review(review, "open", claimed_by=None, claim_expires_at=None)
            claimed = records.moves.review(review, "claimed", claimed_by=records.actor.actor_id, **lease)
            _tell(records, claimed)
    return ClaimedReview(review=claimed, resume_token=token, expires_at=now + LEASE)


def _check(review: Review, actor_id: str, now: datetime) -> None:
    if review.status == "expired" or (review.status in ("open", "claimed") and review.due_at <= now):
        raise Refused("WF_INTERRUPT_EXPIRED", details={"due_at": review.due_at.isoformat()})
    if review.status not in ("open", "claimed"):
        raise Refused("WF_STATE_TRANSITION_INVALID", details={"from": review.status, "to": "claimed"})
    held = review.status == "claimed" and review.claim_expires_at is not None and review.claim_expires_at > now
    if held and review.claimed_by != actor_id:
        raise Refused("REVIEW_CLAIM_CONFLICT", details={"claimed_by": review.claimed_by})


def _tell(records: Records, review: Review) -> None:
    evaluation = records.evaluations.get(review.evaluation_id)
    run = records.jobs.newest_run(evaluation.job_id or "")
    payload = {"review_id": review.review_id, "claimed_by": review.claimed_by}
    records.trail.run_event(run.run_id, "review.claimed", stage="review", payload=payload)
