"""WorkTasks: work one task job through under a lease; the message is only a hint (spec W18, W19, F28)."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from shared.domain.errors import CodedError, Refused, Retryable
from shared.domain.jobs import Job
from shared.domain.retries import as_raised
from shared.domain.sweeps import job_error
from shared.domain.tasks import ClaimedTask, has_another_try, retry_delay_seconds
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records

LOST = "JOB_CANCELED"  # the job ended or belongs to another run: nothing is left to write


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTasks:
    """The event that woke us; its job goes before others of the tenant."""

    event: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkedTask:
    """Which job was claimed and what the try ended with; None: nothing was due."""

    job_id: str | None = None
    error_code: str | None = None


def work_tasks(
    command: WorkTasks,
    *,
    records: Records,
    clock: Clock,
    ids: Ids,
    task_work: Callable[[Job, str], float | None],
    keep_lease: Callable[[str, str], AbstractContextManager[None]],
) -> WorkedTask:
    """Claim, work, and leave the job succeeded, retrying later or in the dead letters.

    `task_work` saves its result and ends the job in one transaction, lets it wait, or gives the seconds until its next
    pass, which is no retry. Raises Retryable DEPENDENCY_UNAVAILABLE while the
    job of the message waits for a later time: then the message comes again (W20)."""
    hint = command.event.get("job_id")
    claimed = claim(records, ids, hint)
    if claimed is None:
        if hint and records.tasks.is_coming(hint):
            raise Retryable("DEPENDENCY_UNAVAILABLE", "the job is not due yet")
        return WorkedTask()
    started_at, error, come_again = clock.now(), None, None
    try:
        with keep_lease(claimed.job.job_id, claimed.run_id):
            come_again = task_work(claimed.job, claimed.run_id)
    except CodedError as failed:
        earlier = records.traces.tries_with(
            claimed.run_id, claimed.job.job_type, "", code=failed.code, before=claimed.job.retry_count
        )
        error = as_raised(failed, earlier)
    job, code = claimed.job, error.code if error else None
    about = (
        {"code": error.code, "class": error.entry.kind, "retryable": isinstance(error, Retryable)} if error else None
    )
    records.jobs.note_attempt(claimed.run_id, job.job_type, "", job.retry_count, started_at=started_at, error=about)
    if come_again is not None:
        _pause(records, claimed, come_again)
    if error is not None and error.code != LOST:
        _end_try(records, clock, ids, claimed, error)
    return WorkedTask(job_id=job.job_id, error_code=code)


def claim(records: Records, ids: Ids, hint: str | None) -> ClaimedTask | None:
    """Take a due job for 60 s; one whose worker lost it gets a new run, so that the old one can write nothing (F28)."""
    with records.transaction():
        job = records.tasks.due(hint)
        if job is None:
            return None
        run = records.jobs.newest_run(job.job_id)
        if job.status == "running":
            job = records.moves.job(job, "retrying", claim_token=None, retry_count=job.retry_count + 1)
        if job.claim_token is None and run.status != "created":
            next_run_id = ids.new("run")
            records.moves.close_run(run.run_id, "lost", next_run_id=next_run_id)
            run = records.repairs.open_run(job, run_id=next_run_id)
        job = records.moves.job(job, "running", claim_token=run.run_id, step=job.job_type)
        records.tasks.lease(job.job_id, run.run_id)
    return ClaimedTask(job=job, run_id=run.run_id)


def _pause(records: Records, claimed: ClaimedTask, seconds: float) -> None:
    """Give the job back for later, without having failed; whoever took it meanwhile keeps it."""
    try:
        with records.transaction():
            records.moves.job(records.tasks.own(claimed.job.job_id, claimed.run_id), "retrying")
            records.tasks.release(claimed.job.job_id, delay_seconds=seconds)
    except Refused as refusal:
        if refusal.code != LOST:
            raise


def _end_try(records: Records, clock: Clock, ids: Ids, claimed: ClaimedTask, error: CodedError) -> None:
    job_id = claimed.job.job_id
    about = job_error(claimed.job, error.code, occurred_at=clock.now())
    about |= {"message": str(error), "details": error.details}
    try:
        with records.transaction():
            job = records.tasks.own(job_id, claimed.run_id)
            if has_another_try(job, error):
                records.moves.job(job, "retrying", retry_count=job.retry_count + 1)
                records.tasks.release(job_id, delay_seconds=retry_delay_seconds(job))
                return
            records.moves.job(job, "dlq_pending", error_code=error.code, error=about)
    except Refused as refusal:
        if refusal.code != LOST:
            raise
        return
    records.repairs.dead_letter(job_id, about, dlq_id=ids.new("dlq"), run_status="failed")
