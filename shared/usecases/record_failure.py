"""RecordFailure: what a failed step leaves behind, in three commits that each may be repeated (spec W102)."""

import json
from dataclasses import dataclass
from typing import Any

from shared.domain.error_catalogue import CATALOGUE
from shared.domain.transitions import JOB, is_terminal
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records

BY_NAME = {"States.Timeout": "WF_STEP_TIMEOUT", "States.HeartbeatTimeout": "WF_STEP_TIMEOUT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFailure:
    """The state machine's error name and cause; the cause of our own errors is JSON with code and details."""

    job_id: str
    run_id: str
    error: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFailure:
    """The dead letter, or None when the job had ended otherwise."""

    dlq_id: str | None
    error_code: str


def record_failure(command: RecordFailure, *, records: Records, clock: Clock, ids: Ids) -> RecordedFailure:
    """Dead-letter the job, then fail its resource and the job; a job that ended meanwhile, or goes on in another run,
    is left alone."""
    error = describe(command)
    job = records.jobs.get(command.job_id)
    is_mine = job.claim_token in (None, command.run_id) and records.jobs.newest_run(job.job_id).run_id == command.run_id
    if is_mine and not is_terminal(JOB, job.status):
        error |= {"step": job.step, "attempt": job.retry_count, "trace_id": job.trace_id}
        error["occurred_at"] = clock.now().isoformat()
        job = records.repairs.dead_letter(job.job_id, error, dlq_id=ids.new("dlq"), run_status="failed")
    return RecordedFailure(dlq_id=job.dlq_id, error_code=job.error_code or error["code"])


def describe(command: RecordFailure) -> dict[str, Any]:
    """The job error of D127; what is not ours is INTERNAL_ERROR, and its text stays in the dead letter."""
    details: dict[str, Any] = {}
    code, message = BY_NAME.get(command.error, "INTERNAL_ERROR"), ""
    if command.error in ("Retryable", "Permanent", "Refused", "ModelUnavailable", "BudgetStopped"):
        cause = json.loads(command.cause)
        code, details, message = cause["code"], cause.get("details", {}), cause["errorMessage"]
    entry = CATALOGUE[code]
    return {
        "code": code,
        "class": entry.kind,
        "retryable": entry.retryable,
        "message": message or entry.en,
        "details": details,
        "error_name": command.error,
    }
