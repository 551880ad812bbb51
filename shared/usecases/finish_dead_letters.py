"""Complete dead letters that a crash cut short, and dead-letter what waited too long (spec W17, W102, W116)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.sweeps import Candidate, Reconciled, job_error
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records
from shared.ports.sweeps import Sweeps

HALF, OVERDUE = "half_dead_letters", "overdue_jobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishDeadLetters:
    """Nothing to say: the rows tell."""


def finish_dead_letters(
    command: FinishDeadLetters,
    *,
    sweeps: Sweeps,
    records_of: Callable[[str], Records],
    clock: Clock,
    ids: Ids,
    time_left: Callable[[], float],
) -> Reconciled:
    """Bring jobs in dlq_pending or dlq_recorded for 60 s, and queued ones past their deadline, to failed."""

    def repair(sweep: str) -> Callable[[Candidate], bool]:
        return lambda found: _finish(sweep, found, records_of(found.tenant_id), clock, ids)

    return Reconciled(
        sweeps=tuple(
            sweeps.each(sweep, lambda sweep=sweep: sweeps.find(sweep), repair(sweep), time_left=time_left)  # type: ignore[misc]
            for sweep in (HALF, OVERDUE)
        )
    )


def _finish(sweep: str, found: Candidate, records: Records, clock: Clock, ids: Ids) -> bool:
    """The finding is written last: a kill in between leaves the job to the next sweep and not to a false record."""
    if not records.repairs.is_due(sweep, found.subject_id):
        return False
    job = records.jobs.get(found.subject_id)
    error = job_error(job, "JOB_DEADLINE_EXCEEDED" if sweep == OVERDUE else "INTERNAL_ERROR", occurred_at=clock.now())
    records.repairs.dead_letter(job.job_id, error, dlq_id=ids.new("dlq"), run_status="failed")
    records.findings.add(sweep, found)
    return True
