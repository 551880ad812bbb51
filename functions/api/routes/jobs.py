"""Accepted work and its runs (spec A22, A23, A110-A112)."""

from typing import Annotated, Any, Literal

from fastapi import Query

from functions.api.answers import Answer, accepted
from functions.api.caller import Asking, Caller
from functions.api.fields import Input, JobId, ProjectId, RunId, Text, Time
from functions.api.paging import Cursor, Limit, given, page
from functions.api.routing import new_router, route
from shared.domain.errors import Refused
from shared.domain.jobs import Job, Run
from shared.usecases.cancel_job import CancelJob, cancel_job

router = new_router()
Status = Literal["queued", "running", "retrying", "succeeded", "dlq_pending", "dlq_recorded", "failed", "canceled"]


class Cancellation(Input):
    """Why the job is canceled."""

    reason: Text


def show_job(job: Job) -> dict[str, Any]:
    """The job as the truth about progress (A23)."""
    ended = job.ended_at
    seconds = (ended - job.started_at).total_seconds() if ended and job.started_at else None
    return {
        "job_id": job.job_id,
        "job_type": job.job_type,
        "resource": {"type": job.resource_type, "id": job.resource_id},
        "project_id": job.project_id,
        "status": job.status,
        "stage": job.stage,
        "step": job.step,
        "progress_pct": 100 * job.progress_done // job.progress_total,
        "progress": {"done": job.progress_done, "total": job.progress_total, "unit": "points"},
        "retry_count": job.retry_count,
        "waiting_on": job.waiting_on,
        "created_at": job.created_at,
        "created_by": job.created_by,
        "started_at": job.started_at,
        "ended_at": ended,
        "deadline_at": job.deadline_at,
        "duration_ms": None if seconds is None else round(seconds * 1000),
        "error": job.error or (job.error_code and {"code": job.error_code}),
        "dlq_id": job.dlq_id,
        "requeue_of": job.requeue_of,
        "next_retry_at": job.available_at if job.status == "retrying" else None,
        "row_version": job.row_version,
    }


def started(job: Job, run_id: str) -> dict[str, Any]:
    """The data of a 202 (A22)."""
    return {
        "job_id": job.job_id,
        "run_id": run_id,
        "resource": {"type": job.resource_type, "id": job.resource_id},
        "status": job.status,
        "links": {"job": f"/api/v1/jobs/{job.job_id}", "events": f"/api/v1/runs/{run_id}/events"},
    }


def _visible(caller: Caller, job_id: str, *, missing: str = "JOB_NOT_FOUND") -> Job:
    job = caller.records.jobs.get(job_id)
    caller.require("job.read", job.project_id, missing=missing)
    return job


@route(router, "GET", "/jobs", "job.read", lists=dict[str, Any], errors=("REQ_CURSOR_INVALID",))
def get_jobs(
    caller: Asking,
    status: Status | None = None,
    type: Literal["ingest_document", "evaluate_bid", "resume_evaluation", "export", "batch"] | None = None,
    project_id: ProjectId | None = None,
    resource_id: Annotated[str | None, Query(pattern="^[a-z]{3}_[0-9a-z]{26}$")] = None,
    waiting: bool | None = None,
    since: Time | None = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer:
    """Jobs, newest first."""
    filters = given(
        status=status, type=type, project_id=project_id, resource_id=resource_id, waiting=waiting, since=since
    )
    return page(
        caller,
        lambda before, count: caller.records.jobs.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="job_id",
        limit=limit,
        cursor=cursor,
        show=show_job,
        project_of=lambda job: job.project_id,
    )


@route(router, "GET", "/jobs/{job_id}", "job.read", shows=dict[str, Any], errors=("JOB_NOT_FOUND",))
def get_job(caller: Asking, job_id: JobId) -> Answer:
    """One job with its newest run."""
    job = _visible(caller, job_id)
    run = caller.records.jobs.newest_run(job_id)
    return Answer(data=show_job(job) | {"run_id": run.run_id}, etag=job.row_version)


@route(
    router,
    "POST",
    "/jobs/{job_id}/cancel",
    "job.cancel",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=("JOB_NOT_FOUND", "JOB_CANCEL_CONFLICT"),
)
def post_cancel(caller: Asking, job_id: JobId, body: Cancellation) -> Answer:
    """Cancel a job; its execution is stopped after the answer. An evaluator cancels only what it started."""
    job = _visible(caller, job_id)
    caller.require("job.cancel", job.project_id, missing="JOB_NOT_FOUND")
    if not caller.may("project.write", job.project_id) and job.created_by != caller.actor.actor_id:
        raise Refused("AUTH_FORBIDDEN", details={"action": "job.cancel"})
    canceled = caller.run(cancel_job, CancelJob(job_id=job_id, reason=body.reason))
    return accepted(show_job(canceled), location=f"/api/v1/jobs/{job_id}")


@route(router, "GET", "/runs/{run_id}", "run.inspect", shows=Run, errors=("RUN_NOT_FOUND",))
def get_run(caller: Asking, run_id: RunId) -> Answer:
    """One run of a job."""
    run = caller.records.jobs.run(run_id)
    _visible(caller, run.job_id, missing="RUN_NOT_FOUND")
    return Answer(data=run)
