"""Start what a crash left half started, and wake the starter for forgotten jobs (spec W15, W111, W112)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.executions import Startable, execution_input
from shared.domain.sweeps import GRACE_SECONDS, SWEEP_ROWS, Candidate, Reconciled
from shared.domain.transitions import JOB, is_terminal
from shared.ports.dispatch import Dispatch
from shared.ports.platform import Workflows
from shared.ports.records import Records
from shared.ports.sweeps import Sweeps

UNSTARTED, FORGOTTEN = "unstarted_runs", "forgotten_jobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileRuns:
    """Nothing to say: the rows tell."""


def reconcile_runs(
    command: ReconcileRuns,
    *,
    sweeps: Sweeps,
    dispatch: Dispatch,
    workflows: Workflows,
    records_of: Callable[[str], Records],
    time_left: Callable[[], float],
) -> Reconciled:
    """Give runs that were marked started 60 s ago their execution, and publish job.queued again for due jobs."""

    def start(job: Startable) -> bool:
        return _start(job, records_of(job.tenant_id), dispatch, workflows)

    def wake(found: Candidate) -> bool:
        return _wake(found, records_of(found.tenant_id))

    def unstarted() -> list[Startable]:
        return dispatch.unstarted(grace_seconds=GRACE_SECONDS, limit=SWEEP_ROWS)

    return Reconciled(
        sweeps=(
            sweeps.each(UNSTARTED, unstarted, start, time_left=time_left),
            sweeps.each(FORGOTTEN, lambda: sweeps.find(FORGOTTEN), wake, time_left=time_left),
        )
    )


def _start(job: Startable, records: Records, dispatch: Dispatch, workflows: Workflows) -> bool:
    """Under the job's lock, so that of two sweeps one starts; the name makes a repeat harmless anyway (W15)."""
    with records.transaction():
        row = records.jobs.get(job.job_id, lock=True)
        if is_terminal(JOB, row.status) or records.jobs.run(job.run_id).execution_ref is not None:
            return False
        reference = workflows.start(job.machine, name=job.execution_name, input=execution_input(job))
        dispatch.note_execution(job, execution_ref=reference)
        found = Candidate(tenant_id=job.tenant_id, subject_type="run", subject_id=job.run_id)
        records.findings.add(UNSTARTED, found)
    return True


def _wake(found: Candidate, records: Records) -> bool:
    """The event goes the way of every other one: consumers trust only what the tenant's outbox says (W101)."""
    with records.transaction():
        job = records.jobs.get(found.subject_id, lock=True)
        is_woken = records.findings.is_fresh(FORGOTTEN, job.job_id, seconds=GRACE_SECONDS)
        if is_woken or not records.repairs.is_due(FORGOTTEN, job.job_id):
            return False
        records.trail.publish(
            "job.queued",
            ("job", job.job_id, job.row_version),
            {"job_id": job.job_id, "job_type": job.job_type, "lane": job.lane},
            project_id=job.project_id,
            job_id=job.job_id,
        )
        records.findings.add(FORGOTTEN, found)
    return True
