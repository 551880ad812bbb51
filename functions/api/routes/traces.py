"""What happened in a run or under a trace id, in order (spec A112)."""

from typing import Annotated, Any

from fastapi import Path

from functions.api.answers import Answer
from functions.api.caller import Asking
from functions.api.fields import RunId
from functions.api.routing import new_router, route
from shared.domain.errors import Refused

router = new_router()
LIMIT = 5000
TraceId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


@route(router, "GET", "/runs/{run_id}/trace", "run.inspect", shows=dict[str, Any], errors=("RUN_NOT_FOUND",))
def get_run_trace(caller: Asking, run_id: RunId) -> Answer:
    """Steps with attempts, codes and durations, run events and domain events of one run, oldest first."""
    run = caller.records.jobs.run(run_id)
    job = caller.records.jobs.get(run.job_id)
    caller.require("run.inspect", job.project_id, missing="RUN_NOT_FOUND")
    items = caller.records.traces.of_run(run_id, limit=LIMIT)
    return Answer(data={"run_id": run_id, "job_id": run.job_id, "items": list(items), "truncated": len(items) == LIMIT})


@route(router, "GET", "/traces/{trace_id}", "run.inspect", shows=dict[str, Any], errors=("RUN_NOT_FOUND",))
def get_trace(caller: Asking, trace_id: TraceId) -> Answer:
    """Everything of the tenant that carries the trace id, from the request to its jobs; a caller who may not see the
    project of one of its jobs sees nothing of it."""
    jobs = caller.records.traces.jobs_of(trace_id)
    for job_id in jobs:
        caller.require("run.inspect", caller.records.jobs.get(job_id).project_id, missing="RUN_NOT_FOUND")
    if not jobs:
        caller.require("run.inspect", None, missing="RUN_NOT_FOUND")
    items = caller.records.traces.of_trace(trace_id, limit=LIMIT)
    if not items:
        raise Refused("RUN_NOT_FOUND")
    return Answer(data={"trace_id": trace_id, "jobs": jobs, "items": list(items), "truncated": len(items) == LIMIT})
