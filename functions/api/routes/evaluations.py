"""Evaluations and their verdicts (spec A91-A94; estimates, scopes, lots and the audit list are not built yet)."""

from collections import Counter
from typing import Annotated, Any, Literal

from fastapi import Query

from functions.api.answers import Answer, accepted, view
from functions.api.caller import Asking, Caller
from functions.api.fields import CriterionId, EvaluationId, Input, ProjectId, RulePackRef, SupplierId
from functions.api.paging import Cursor, Limit, given, page
from functions.api.routes.jobs import started
from functions.api.routes.verdicts import show_criteria, show_criterion
from functions.api.routing import new_router, route
from shared.domain.errors import Refused
from shared.domain.evaluation_rows import Evaluation
from shared.usecases.start_evaluation import StartEvaluation, start_evaluation

router = new_router()
MISSING = ("EVALUATION_NOT_FOUND",)
Status = Literal[
    "queued",
    "evaluating",
    "needs_manual_decision",
    "parked",
    "approved",
    "report_generated",
    "rejected",
    "failed",
    "canceled",
]
START_ERRORS = (
    "PROJECT_NOT_FOUND",
    "SUPPLIER_NOT_FOUND",
    "BID_NOT_FOUND",
    "RULE_PACK_NOT_FOUND",
    "RULE_PACK_NOT_ACTIVE",
    "PROJECT_CLOSED",
    "BID_INCOMPLETE",
    "DOC_NOT_INDEXED",
    "EVALUATION_DUPLICATE",
    "EVALUATION_PLAN_CONFLICT",
    "EVALUATION_NOT_FOUND",
    "TENANT_BACKLOG_FULL",
)


class NewEvaluation(Input):
    """One bid against one rule pack version; without one, the project's."""

    project_id: ProjectId
    supplier_id: SupplierId
    rule_pack: RulePackRef | None = None
    force_review: bool = False
    expected_plan_id: Annotated[str | None, Query(max_length=100)] = None
    rerun_of: EvaluationId | None = None


def visible(caller: Caller, evaluation_id: str) -> Evaluation:
    """The evaluation, or EVALUATION_NOT_FOUND when it is unknown, foreign or in a project out of sight."""
    evaluation = caller.records.evaluations.get(evaluation_id)
    caller.require("evaluation.read", evaluation.project_id, missing="EVALUATION_NOT_FOUND")
    return evaluation


def _pack(caller: Caller, body: NewEvaluation) -> tuple[str, int]:
    if body.rule_pack is not None:
        return body.rule_pack.id, body.rule_pack.version
    project = caller.records.projects.get(body.project_id)
    if project.rule_pack_id is None or project.rule_pack_version is None:
        raise Refused("RULE_PACK_NOT_FOUND")
    return project.rule_pack_id, project.rule_pack_version


@route(
    router,
    "POST",
    "/evaluations",
    "evaluation.start",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=START_ERRORS,
)
def post_evaluation(caller: Asking, body: NewEvaluation) -> Answer:
    """Start the evaluation of one bid."""
    caller.require("evaluation.start", body.project_id, missing="PROJECT_NOT_FOUND")
    pack_id, version = _pack(caller, body)
    command = StartEvaluation(
        project_id=body.project_id,
        supplier_id=body.supplier_id,
        rule_pack_id=pack_id,
        rule_pack_version=version,
        force_review=body.force_review,
        rerun_of=body.rerun_of,
        expected_plan_id=body.expected_plan_id,
    )
    made = caller.run(start_evaluation, command)
    more = {"evaluation_id": made.evaluation.evaluation_id, "plan_id": made.evaluation.plan_id}
    return accepted(started(made.job, made.run_id) | more, location=f"/api/v1/jobs/{made.job.job_id}")


@route(router, "GET", "/evaluations", "evaluation.read", lists=Evaluation, errors=("REQ_CURSOR_INVALID",))
def get_evaluations(
    caller: Asking,
    project_id: ProjectId | None = None,
    supplier_id: SupplierId | None = None,
    status: Status | None = None,
    reason: Annotated[str | None, Query(pattern="^[A-Z_]{1,40}$")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer:
    """Evaluations, newest first."""
    filters = given(project_id=project_id, supplier_id=supplier_id, status=status, reason=reason)
    return page(
        caller,
        lambda before, count: caller.records.evaluations.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="evaluation_id",
        limit=limit,
        cursor=cursor,
        project_of=lambda evaluation: evaluation.project_id,
    )


@route(router, "GET", "/evaluations/{evaluation_id}", "evaluation.read", shows=Evaluation, errors=MISSING)
def get_evaluation(caller: Asking, evaluation_id: EvaluationId) -> Answer:
    """One evaluation with `counts` by outcome and `open_reasons`; an interval while there is no total."""
    evaluation = visible(caller, evaluation_id)
    counts = Counter(verdict.outcome for verdict in caller.records.verdicts.current(evaluation_id))
    review = caller.records.reviews.live(evaluation_id)
    data = view(
        evaluation,
        "review_reasons",
        counts=dict(counts),
        open_reasons=evaluation.review_reasons,
        review_id=review and review.review_id,
    )
    return Answer(data=data, etag=evaluation.row_version)


@route(
    router,
    "GET",
    "/evaluations/{evaluation_id}/criteria",
    "evaluation.read",
    shows=dict[str, Any],
    errors=MISSING,
)
def get_criteria(caller: Asking, evaluation_id: EvaluationId) -> Answer:
    """Every criterion with its current verdict, claims, citations and evidence."""
    return Answer(data={"items": show_criteria(caller, visible(caller, evaluation_id))})


@route(
    router,
    "GET",
    "/evaluations/{evaluation_id}/criteria/{criterion_id}",
    "evaluation.read",
    shows=dict[str, Any],
    errors=(*MISSING, "CRITERION_NOT_FOUND"),
)
def get_criterion(caller: Asking, evaluation_id: EvaluationId, criterion_id: CriterionId) -> Answer:
    """One criterion with all revisions of its verdict, evidence pack and search log."""
    return Answer(data=show_criterion(caller, visible(caller, evaluation_id), criterion_id))
