"""Answering a review: one decision by one person, once (spec A104, A105)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from functions.api.answers import Answer, accepted
from functions.api.caller import Asking, Caller
from functions.api.fields import ChunkId, CriterionId, Decimals, EvaluationId, Input, ReviewId, Text
from functions.api.routes.jobs import show_job
from functions.api.routes.reviews import require_review, show_review
from functions.api.routing import new_router, route
from shared.domain.errors import Refused
from shared.usecases.submit_review import SubmitReview, submit_review

router = new_router()
ERRORS = (
    "WF_INTERRUPT_RESUME_INVALID",
    "WF_INTERRUPT_EXPIRED",
    "WF_INTERRUPT_REVIEWER_REQUIRED",
    "REVIEW_CLAIM_LOST",
    "REVIEW_INCOMPLETE",
    "REVIEW_SCORE_OUT_OF_RANGE",
    "CRITERION_NOT_FOUND",
    "CHUNK_NOT_FOUND",
    "CITATION_QUOTE_MISMATCH",
    "APPROVAL_REQUIRED",
)


class QuotedPlace(BaseModel):
    """The words in a chunk that support the edit; they are compared with the stored text."""

    model_config = ConfigDict(extra="forbid")
    chunk_id: ChunkId
    quote: Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class Edit(BaseModel):
    """One changed criterion, named by id or by code; the score is a decimal string."""

    model_config = ConfigDict(extra="forbid")
    criterion_id: CriterionId | None = None
    criterion: Annotated[str | None, StringConstraints(min_length=1, max_length=64)] = None
    score: Decimals | None = None
    outcome: Literal["pass", "partial", "fail", "not_found"] | None = None
    reason: Text
    citations: Annotated[list[QuotedPlace], Field(max_length=20)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_name(self) -> "Edit":
        if (self.criterion_id is None) == (self.criterion is None):
            raise ValueError("give criterion_id or criterion")
        return self


class Decision(Input):
    """The answer to a review with the token of its claim."""

    resume_token: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    decision: Literal["approve", "edit_scores", "reject"]
    comment: Text
    edits: Annotated[list[Edit], Field(max_length=400)] = Field(default_factory=list)


def _submit(caller: Caller, review_id: str, body: Decision) -> Answer:
    require_review(caller, review_id, "review.decide")
    command = SubmitReview(
        review_id=review_id,
        resume_token=body.resume_token,
        decision=body.decision,
        comment=body.comment,
        edits=tuple(edit.model_dump(exclude_none=True) for edit in body.edits),
    )
    done = caller.run(submit_review, command)
    job = show_job(caller.records.jobs.get(done.job_id)) | {"run_id": done.run_id}
    return accepted({"review": show_review(done.review), "job": job}, location=f"/api/v1/jobs/{done.job_id}")


@route(
    router,
    "POST",
    "/reviews/{review_id}/submit",
    "review.decide",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=("REVIEW_NOT_FOUND", *ERRORS),
)
def post_submit(caller: Asking, review_id: ReviewId, body: Decision) -> Answer:
    """Answer a claimed review; the evaluation goes on with the decision."""
    return _submit(caller, review_id, body)


@route(
    router,
    "POST",
    "/evaluations/{evaluation_id}/resume",
    "review.decide",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=("EVALUATION_NOT_FOUND", "REVIEW_NOT_FOUND", *ERRORS),
)
def post_resume(caller: Asking, evaluation_id: EvaluationId, body: Decision) -> Answer:
    """The same, found by the evaluation: its newest review is answered."""
    evaluation = caller.records.evaluations.get(evaluation_id)
    caller.require("review.decide", evaluation.project_id, missing="EVALUATION_NOT_FOUND")
    newest = caller.records.reviews.list(filters={"evaluation_id": evaluation_id}, before=None, limit=1)
    if not newest:
        raise Refused("REVIEW_NOT_FOUND")
    return _submit(caller, newest[0].review_id, body)
