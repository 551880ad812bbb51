"""What the state machines get as input: ids only, and the tenant's share of parallel work (spec W6, W123)."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LANES = ("interactive", "standard", "bulk")
LANE_WEIGHTS = {"interactive": 6, "standard": 3, "bulk": 1}  # W121
TENANT_SLOTS = {"free": 2, "basic": 5, "pro": 10, "enterprise": 40}  # executions at once by plan, W121
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


def has_slot(lane: str, running: Mapping[str, int], demand: Set[str], *, max_running: int) -> bool:
    """Whether a job of the lane may start: below its lane's share of 6 : 3 : 1, or on slots that no other lane with
    due jobs has a right to, so that unused shares flow on (W121). `running` counts per lane, `demand` names the lanes
    with due jobs. A share is at least one slot."""
    total = sum(running.values())
    if total >= max_running:
        return False
    shares = {name: max(1, max_running * weight // sum(LANE_WEIGHTS.values())) for name, weight in LANE_WEIGHTS.items()}
    if running.get(lane, 0) < shares[lane]:
        return True
    kept = sum(max(0, shares[other] - running.get(other, 0)) for other in demand - {lane})
    return total + kept < max_running
