"""Accepted work and its runs: rows, deadlines and progress (spec D70, D71, W17, W128)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

# How long a job may take from its acceptance (W17).
DEADLINES = {
    "ingest_document": timedelta(hours=5),
    "evaluate_bid": timedelta(days=8),
    "resume_evaluation": timedelta(days=8),
    "roll_out_release": timedelta(hours=4),
    "export": timedelta(minutes=30),
    "batch": timedelta(hours=24),
}
# The state machine of a job; "tasks" are worked through under a lease, without an execution (W18).
MACHINES = {
    "ingest_document": "ingest_document",
    "evaluate_bid": "evaluate_bid",
    "resume_evaluation": "evaluate_bid",
    "roll_out_release": "roll_out_release",
    "export": "tasks",
    "batch": "tasks",
}
TASK_TYPES = frozenset(job_type for job_type, machine in MACHINES.items() if machine == "tasks")
# What a job of the type works on.
RESOURCES = {
    "ingest_document": "document",
    "evaluate_bid": "evaluation",
    "resume_evaluation": "evaluation",
    "roll_out_release": "release",
    "export": "export",
    "batch": "batch",
}
FIRST_STAGE = {"ingest_document": "ingest", "evaluate_bid": "retrieve", "resume_evaluation": "review"}
# The stage that a job enters with a state of its machine (spec D112, W27-W51).
STAGE_OF_STATE = {
    "RoutePages": "parse",
    "IndexChunks": "index",
    "EvaluateCriteria": "evaluate",
    "OpenReview": "review",
    "BuildReport": "report",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A row of `jobs`; progress counts points of 100 (spec W128)."""

    job_id: str
    tenant_id: str
    job_type: str
    resource_type: str
    resource_id: str
    status: str = "queued"
    project_id: str | None = None
    lane: str = "standard"
    priority: int = 5
    stage: str | None = None
    step: str | None = None
    retry_count: int = 0
    claim_token: str | None = None
    waiting_on: str | None = None
    progress_done: int = 0
    progress_total: int = 100
    available_at: datetime | None = None
    deadline_at: datetime | None = None
    error_code: str | None = None
    error: dict[str, Any] | None = None
    dlq_id: str | None = None
    requeue_of: str | None = None
    batch_id: str | None = None
    lease_expires_at: datetime | None = None
    cancel_reason: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    created_at: datetime | None = None
    created_by: str = ""
    trace_id: str = ""
    row_version: int = 1
    payload: dict[str, Any] = field(default_factory=dict)


class Given(TypedDict, total=False):
    """What an accepted job may have beside its type and its resource."""

    project_id: str | None
    lane: str
    priority: int
    batch_id: str | None
    requeue_of: str | None
    payload: dict[str, Any]


def new_job(
    job_type: str, resource_id: str, *, job_id: str, tenant_id: str, now: datetime, **given: Unpack[Given]
) -> Job:
    """A queued job; kind of resource and deadline are those of its type (W17)."""
    return Job(
        job_id=job_id,
        tenant_id=tenant_id,
        job_type=job_type,
        resource_type=RESOURCES[job_type],
        resource_id=resource_id,
        deadline_at=now + DEADLINES[job_type],
        **given,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A row of `runs`: one execution of a job."""

    run_id: str
    job_id: str
    run_no: int
    machine: str
    machine_version: str
    execution_name: str
    status: str = "created"
    last_seq: int = 0
    execution_ref: str | None = None


def execution_name(job_id: str, run_no: int) -> str:
    """Name the one execution that a run may have (spec W14)."""
    return f"{job_id}-{run_no}"
