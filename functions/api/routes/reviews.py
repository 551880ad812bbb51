"""Reviews: what waits for a person, and who holds it (spec A100, A101; seats and drafts are not built yet)."""

from typing import Annotated, Any, Literal

from fastapi import Query

from functions.api.answers import Answer, view
from functions.api.caller import Asking, Caller
from functions.api.fields import EvaluationId, Input, ProjectId, ReviewId, Time
from functions.api.paging import Cursor, given, page
from functions.api.routing import new_router, route
from shared.domain.evaluation_rows import Review
from shared.usecases.claim_review import ClaimReview, claim_review
from shared.usecases.release_review import ReleaseReview, release_review
from shared.usecases.renew_review import RenewReview, renew_review

router = new_router()
Status = Literal["open", "claimed", "submitted", "applied", "expired", "canceled"]
MISSING = ("REVIEW_NOT_FOUND",)
LEASE_ERRORS = (*MISSING, "REVIEW_CLAIM_LOST")
CLAIM_ERRORS = (*MISSING, "REVIEW_CLAIM_CONFLICT", "WF_INTERRUPT_EXPIRED", "WF_STATE_TRANSITION_INVALID")


class Nothing(Input):
    """No fields."""


def show_review(review: Review) -> dict[str, Any]:
    """The review without what proves the right to answer it."""
    return view(review, "resume_token_hash", "resume_token_expires_at", lease_holder=review.claimed_by)


def require_review(caller: Caller, review_id: str, action: str) -> None:
    """Refuse a review out of sight with REVIEW_NOT_FOUND, a forbidden action with AUTH_FORBIDDEN."""
    caller.require_for(action, lambda: caller.records.reviews.get(review_id).project_id, missing="REVIEW_NOT_FOUND")


@route(router, "GET", "/reviews", "review.read", lists=dict[str, Any], errors=("REQ_CURSOR_INVALID",))
def get_reviews(
    caller: Asking,
    status: Status | None = None,
    assigned_to: Annotated[str | None, Query(pattern="^usr_[0-9a-z]{26}$")] = None,
    project_id: ProjectId | None = None,
    evaluation_id: EvaluationId | None = None,
    due_before: Time | None = None,
    reason: Annotated[str | None, Query(pattern="^[A-Z_]{1,40}$")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    cursor: Cursor = None,
) -> Answer:
    """Reviews, newest first; finished ones stay readable."""
    filters = given(
        status=status,
        assigned_to=assigned_to,
        project_id=project_id,
        evaluation_id=evaluation_id,
        due_before=due_before,
        reason=reason,
    )
    return page(
        caller,
        lambda before, count: caller.records.reviews.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="review_id",
        limit=limit,
        cursor=cursor,
        show=show_review,
        project_of=lambda review: review.project_id,
    )


@route(router, "GET", "/reviews/{review_id}", "review.read", shows=dict[str, Any], errors=MISSING)
def get_review(caller: Asking, review_id: ReviewId) -> Answer:
    """One review with its items and, when it is answered, the decisions."""
    review = caller.records.reviews.get(review_id)
    caller.require("review.read", review.project_id, missing="REVIEW_NOT_FOUND")
    items = [view(item, "thread_id", "interrupt_id") for item in caller.records.reviews.items(review_id)]
    data = show_review(review) | {"items": items, "decisions": caller.records.reviews.decisions(review_id)}
    return Answer(data=data, etag=review.row_version)


@route(router, "POST", "/reviews/{review_id}/claim", "review.decide", shows=dict[str, Any], errors=CLAIM_ERRORS)
def post_claim(caller: Asking, review_id: ReviewId, body: Nothing | None = None) -> Answer:
    """Take the review for 15 minutes; the resume token in the answer replaces every earlier one."""
    require_review(caller, review_id, "review.decide")
    claimed = caller.run(claim_review, ClaimReview(review_id=review_id))
    data = {
        "lease": {"expires_at": claimed.expires_at},
        "resume_token": claimed.resume_token,
        "review": show_review(claimed.review),
    }
    return Answer(data=data)


@route(router, "POST", "/reviews/{review_id}/renew", "review.decide", shows=dict[str, Any], errors=LEASE_ERRORS)
def post_renew(caller: Asking, review_id: ReviewId, body: Nothing | None = None) -> Answer:
    """Keep the review for another 15 minutes."""
    require_review(caller, review_id, "review.decide")
    review = caller.run(renew_review, RenewReview(review_id=review_id))
    return Answer(data={"lease": {"expires_at": review.claim_expires_at}, "review": show_review(review)})


@route(router, "POST", "/reviews/{review_id}/release", "review.decide", shows=dict[str, Any], errors=LEASE_ERRORS)
def post_release(caller: Asking, review_id: ReviewId, body: Nothing | None = None) -> Answer:
    """Give the review back."""
    require_review(caller, review_id, "review.decide")
    review = caller.run(release_review, ReleaseReview(review_id=review_id))
    return Answer(data={"lease": None, "review": show_review(review)})
