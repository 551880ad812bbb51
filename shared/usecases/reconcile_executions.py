"""Compare running jobs with their executions, and ended jobs with executions that go on (spec W113)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from shared.domain.executions import Execution
from shared.domain.jobs import Job, Run
from shared.domain.sweeps import Candidate, Reconciled, job_error
from shared.domain.transitions import JOB, is_terminal
from shared.ports.platform import Clock, Ids, Workflows
from shared.ports.records import Records
from shared.ports.sweeps import Sweeps

SILENT, UNSTOPPED = "silent_executions", "unstopped_executions"
COMPLETE = {
    "document": frozenset({"indexed"}),
    "evaluation": frozenset({"report_generated", "rejected", "published", "archived"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileExecutions:
    """Nothing to say: rows and platform tell."""


def reconcile_executions(
    command: ReconcileExecutions,
    *,
    sweeps: Sweeps,
    workflows: Workflows,
    records_of: Callable[[str], Records],
    clock: Clock,
    ids: Ids,
    time_left: Callable[[], float],
) -> Reconciled:
    """Close jobs whose execution ended, run lost ones once more, stop executions of canceled and failed jobs."""

    def settle(found: Candidate) -> bool:
        return _settle(found, records_of(found.tenant_id), workflows, clock, ids)

    def stop(found: Candidate) -> bool:
        return _stop(found, records_of(found.tenant_id), workflows)

    return Reconciled(
        sweeps=(
            sweeps.each(SILENT, lambda: sweeps.find(SILENT), settle, time_left=time_left),
            sweeps.each(UNSTOPPED, lambda: sweeps.find(UNSTOPPED), stop, time_left=time_left),
        )
    )


def _settle(found: Candidate, records: Records, workflows: Workflows, clock: Clock, ids: Ids) -> bool:
    """No transaction is open during the call; what it answers is used only if the rows still stand as before."""
    run = records.jobs.newest_run(found.subject_id)
    execution = workflows.describe(run.execution_ref or "")
    if execution is not None and execution.status == "running":
        return False
    seen = replace(found, observed={**found.observed, "run": run.run_id, "execution": _status(execution)})
    with records.transaction():
        job = records.jobs.get(found.subject_id, lock=True, alone=True)  # a step may still be at work
        newest = records.jobs.newest_run(job.job_id)
        if newest.run_id != run.run_id or not records.repairs.is_due(SILENT, job.job_id):
            return False
        is_complete = _is_complete(job, records)
        if is_complete or _may_run_again(job, records):
            if is_complete:
                _close(job, run, records)
            else:
                _run_again(job, run, records, ids)
            records.findings.add(SILENT, seen)
            return True
    error = job_error(job, "WF_EXECUTION_LOST", occurred_at=clock.now())
    records.repairs.dead_letter(job.job_id, error, dlq_id=ids.new("dlq"), run_status="lost")
    records.findings.add(SILENT, seen)
    return True


def _status(execution: Execution | None) -> str:
    return "unknown" if execution is None else execution.status


def _is_complete(job: Job, records: Records) -> bool:
    if job.resource_type == "release":  # it ends in one transaction with its job
        return False
    if job.resource_type == "document":
        return records.documents.get(job.resource_id).status in COMPLETE["document"]
    return records.evaluations.get(job.resource_id).status in COMPLETE["evaluation"]


def _may_run_again(job: Job, records: Records) -> bool:
    """Once; a release never, for its machine would begin with the gate and could shift what had begun to go back."""
    return job.resource_type != "release" and all(run.status != "lost" for run in records.repairs.runs(job.job_id))


def _close(job: Job, run: Run, records: Records) -> None:
    if job.status == "retrying":
        job = records.moves.job(job, "running")
    records.moves.job(job, "succeeded")
    records.moves.close_run(run.run_id, "succeeded")


def _run_again(job: Job, run: Run, records: Records, ids: Ids) -> None:
    """The lost run loses its claim, so its steps write nothing any more; the new run's ClaimJob takes the job."""
    next_run_id = ids.new("run")
    records.moves.close_run(run.run_id, "lost", next_run_id=next_run_id)
    if job.status == "retrying":
        job = records.moves.job(job, "running")
    records.moves.job(job, "retrying", claim_token=None)
    records.repairs.open_run(job, run_id=next_run_id)


def _stop(found: Candidate, records: Records, workflows: Workflows) -> bool:
    with records.transaction():
        job = records.jobs.get(found.subject_id, lock=True)
        reference = records.jobs.newest_run(job.job_id).execution_ref
        execution = workflows.describe(reference) if reference else None
        if not is_terminal(JOB, job.status) or execution is None or execution.status != "running":
            return False
        workflows.stop(execution.ref, cause=job.error_code or "JOB_CANCELED")
        records.findings.add(UNSTOPPED, found)
    return True
