"""What the reconcilers find, count and say, and which of them are silent (spec 06 section 12)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.domain.error_catalogue import CATALOGUE
from shared.domain.jobs import Job

# sweep: the requirement it serves; a heartbeat of each is expected
SWEEPS = {
    "unstarted_runs": "W111",
    "forgotten_jobs": "W112",
    "silent_executions": "W113",
    "unstopped_executions": "W113",
    "expired_leases": "W114",
    "forgotten_retries": "W114",
    "undelivered_waits": "W115",
    "overdue_waits": "W115",
    "closed_waits": "W115",
    "half_dead_letters": "W116",
    "overdue_jobs": "W17",
    "waiting_events": "W117",
    "index_entries": "W118",
    "index_strangers": "W118",
    "index_generations": "R57",
    "unfinished_uploads": "W119",
    "unnamed_objects": "W119",
    "report_objects": "W119",
    "leftovers": "W120",
    "due_reviews": "W88",
    "unsettled_batches": "W17",
}
SILENT_AFTER = timedelta(minutes=30)  # section 12, O21: beyond the time at which it should have run again
FAILED_WITHIN = timedelta(minutes=10)  # O21
# how long a good run lasts where a sweep runs more seldom than every minute
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PERIODS = {"index_entries": HOUR, "index_strangers": HOUR}
PERIODS |= dict.fromkeys(("unfinished_uploads", "unnamed_objects", "report_objects"), DAY)
STOP_BELOW_SECONDS = 5.0  # of the function's time, W126
SWEEP_ROWS = 500
GRACE_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row that looks wrong: whose, which and how; ids, states and times only."""

    tenant_id: str
    subject_type: str
    subject_id: str
    observed: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one sweep did; `error_code` is that of the last candidate that could not be repaired."""

    sweep: str
    found: int
    repaired: int
    error_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """The sweeps of one call of a reconciler."""

    sweeps: tuple[Swept, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A row of `sweep_heartbeats`; found and repaired are sums since the first run. `last_ok_at` None: it never ran
    well, and is watched since `last_run_at` or runs and fails. `read_at` is the database's time of reading (F31)."""

    sweep: str
    last_run_at: datetime
    last_ok_at: datetime | None
    found: int
    repaired: int
    error_code: str | None
    read_at: datetime


def silent_sweeps(heartbeats: Iterable[Heartbeat]) -> list[str]:
    """The sweeps without a good run for 30 min beyond their period, or without a heartbeat, in the order of SWEEPS."""
    quiet = {beat.sweep: beat.read_at - (beat.last_ok_at or beat.last_run_at) for beat in heartbeats}
    return [s for s in SWEEPS if s not in quiet or quiet[s] > PERIODS.get(s, timedelta()) + SILENT_AFTER]


def failed_sweeps(heartbeats: Iterable[Heartbeat]) -> dict[str, str]:
    """The sweeps whose last run ended with an error in the last 10 min, with its code (O21)."""
    return {
        beat.sweep: beat.error_code
        for beat in heartbeats
        if beat.error_code is not None and beat.read_at - beat.last_run_at < FAILED_WITHIN
    }


def job_error(job: Job, code: str, *, occurred_at: datetime) -> dict[str, Any]:
    """The error that a sweep gives a job (D127); one that the job has already stays."""
    if job.error is not None:
        return dict(job.error)
    code = job.error_code or code
    entry = CATALOGUE[code]
    return {
        "code": code,
        "class": entry.kind,
        "retryable": entry.retryable,
        "message": entry.en,
        "details": {},
        "step": job.step,
        "attempt": job.retry_count,
        "trace_id": job.trace_id,
        "occurred_at": occurred_at.isoformat(),
    }


def failed_state(machine: Mapping[str, frozenset[str]], status: str) -> str | None:
    """The failed state that a document or an evaluation can still go to, or None (W102)."""
    return next((to for to in ("parse_failed", "index_failed", "failed") if to in machine[status]), None)
