"""RecordFailure: what a failed step leaves behind, in three commits that each may be repeated (spec W102)."""

import json
from dataclasses import dataclass
from typing import Any

from shared.domain.error_catalogue import CATALOGUE
from shared.domain.jobs import Job
from shared.domain.transitions import DOCUMENT, EVALUATION, JOB, is_terminal
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records

BY_NAME = {"States.Timeout": "WF_STEP_TIMEOUT", "States.HeartbeatTimeout": "WF_STEP_TIMEOUT"}
DOCUMENT_FAILS = {"parse_queued": "parse_failed", "parsing": "parse_failed", "parsed": "index_failed"}
DOCUMENT_FAILS["indexing"] = "index_failed"


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
    """Dead-letter the job, then fail its resource and the job; a job that ended meanwhile is left alone."""
    error = describe(command)
    job = records.jobs.get(command.job_id)
    if is_terminal(JOB, job.status) or job.claim_token not in (None, command.run_id):
        return RecordedFailure(dlq_id=job.dlq_id, error_code=job.error_code or error["code"])
    error |= {"step": job.step, "attempt": job.retry_count, "trace_id": job.trace_id}
    error["occurred_at"] = clock.now().isoformat()
    if job.status not in ("dlq_pending", "dlq_recorded"):
        with records.transaction():
            job = records.jobs.get(command.job_id, lock=True, alone=True)
            if is_terminal(JOB, job.status):
                return RecordedFailure(dlq_id=job.dlq_id, error_code=job.error_code or error["code"])
            job = records.moves.job(job, "dlq_pending", error_code=error["code"], error=error)
    if job.status == "dlq_pending":
        with records.transaction():
            dlq_id = records.jobs.dead_letter(job, dlq_id=ids.new("dlq"), step=job.step, error=error)
            job = records.moves.job(job, "dlq_recorded", dlq_id=dlq_id)
    with records.transaction():
        _fail_resource(records, job, error["code"])
        records.moves.job(job, "failed")
        records.moves.close_run(command.run_id, "failed")
    return RecordedFailure(dlq_id=job.dlq_id, error_code=error["code"])


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


def _fail_resource(records: Records, job: Job, code: str) -> None:
    if job.resource_type == "document":
        document = records.documents.get(job.resource_id)
        to = DOCUMENT_FAILS.get(document.status)
        if to and not is_terminal(DOCUMENT, document.status):
            records.moves.document(document, to, error_code=code)
    elif job.resource_type == "evaluation":
        evaluation = records.evaluations.get(job.resource_id)
        if "failed" in EVALUATION[evaluation.status]:
            records.moves.evaluation(evaluation, "failed", error_code=code)
