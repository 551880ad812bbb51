"""What people do about a parked or finished evaluation: ask again, give up, ask for a review (spec A95, A96)."""

from typing import Annotated, Any

from pydantic import Field

from functions.api.answers import Answer, accepted
from functions.api.caller import Asking, Caller
from functions.api.fields import CriterionId, EvaluationId, Input, Text
from functions.api.routes.evaluations import visible
from functions.api.routes.jobs import started
from functions.api.routing import new_router, route
from shared.domain.evaluation_rows import Evaluation
from shared.domain.jobs import Job
from shared.usecases.abandon_evaluation import AbandonEvaluation, abandon_evaluation
from shared.usecases.reissue_review import ReissueReview, reissue_review
from shared.usecases.request_review import RequestReview, request_review

router = new_router()
MISSING = ("EVALUATION_NOT_FOUND", "WF_STATE_TRANSITION_INVALID")


class Reissue(Input):
    """How long people get this time, in seconds, and why they are asked again."""

    wait_seconds: Annotated[int | None, Field(ge=900, le=604800)] = None
    reason: Text


class Abandonment(Input):
    """Why the evaluation is given up."""

    reason: Text


class ReviewRequest(Input):
    """Why a finished suggestion is reviewed, and which criteria it is about."""

    reason: Text
    criteria: Annotated[list[CriterionId], Field(max_length=400)] = Field(default_factory=list)


def _writable(caller: Caller, evaluation_id: str, action: str) -> Evaluation:
    evaluation = visible(caller, evaluation_id)
    caller.require(action, evaluation.project_id, missing="EVALUATION_NOT_FOUND")
    return evaluation


def _queued(evaluation_id: str, job: Job, run_id: str) -> Answer:
    return accepted(started(job, run_id) | {"evaluation_id": evaluation_id}, location=f"/api/v1/jobs/{job.job_id}")


@route(
    router,
    "POST",
    "/evaluations/{evaluation_id}/reissue",
    "evaluation.reissue",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=(*MISSING, "WF_CHECKPOINT_NOT_FOUND", "TENANT_BACKLOG_FULL"),
)
def post_reissue(caller: Asking, evaluation_id: EvaluationId, body: Reissue) -> Answer:
    """Open the next review of a parked evaluation, with the same questions and a new token."""
    _writable(caller, evaluation_id, "evaluation.reissue")
    command = ReissueReview(evaluation_id=evaluation_id, wait_seconds=body.wait_seconds, reason=body.reason)
    made = caller.run(reissue_review, command)
    return _queued(evaluation_id, made.job, made.run_id)


@route(
    router,
    "POST",
    "/evaluations/{evaluation_id}/abandon",
    "evaluation.reissue",
    shows=Evaluation,
    keyed=True,
    errors=MISSING,
)
def post_abandon(caller: Asking, evaluation_id: EvaluationId, body: Abandonment) -> Answer:
    """End a parked evaluation as canceled."""
    _writable(caller, evaluation_id, "evaluation.reissue")
    ended = caller.run(abandon_evaluation, AbandonEvaluation(evaluation_id=evaluation_id, reason=body.reason))
    return Answer(data=ended, etag=ended.row_version)


@route(
    router,
    "POST",
    "/evaluations/{evaluation_id}/reviews",
    "review.request",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=(*MISSING, "CRITERION_NOT_FOUND", "TENANT_BACKLOG_FULL"),
)
def post_review_request(caller: Asking, evaluation_id: EvaluationId, body: ReviewRequest) -> Answer:
    """Open a review of a finished suggestion; its outcome is the next version of the report."""
    _writable(caller, evaluation_id, "review.request")
    command = RequestReview(evaluation_id=evaluation_id, reason=body.reason, criteria=tuple(body.criteria))
    made = caller.run(request_review, command)
    return _queued(evaluation_id, made.job, made.run_id)
