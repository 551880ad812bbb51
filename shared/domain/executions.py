"""What the state machines get as input: ids only, and the tenant's share of parallel work (spec W6, W123)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

LANES = ("interactive", "standard", "bulk")
LIMITS = {"ranges": 4, "groups": 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How an execution stands: `status` is running, succeeded, failed, timed_out or aborted."""

    ref: str
    status: str
    started_at: datetime
    ended_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Startable:
    """A queued job whose run is marked started: all that an execution's input needs."""

    tenant_id: str
    job_id: str
    run_id: str
    job_type: str
    resource_id: str
    machine: str
    execution_name: str
    trace_id: str
    start_at: str


def execution_input(job: Startable) -> dict[str, Any]:
    """The input of W6."""
    return {
        "tenant_id": job.tenant_id,
        "job_id": job.job_id,
        "run_id": job.run_id,
        "resource_id": job.resource_id,
        "start_at": job.start_at,
        "limits": LIMITS,
        "trace": job.trace_id,
    }
