"""Give task jobs whose worker went silent to another one, or to the dead letters (spec W18, W114)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.retries import STEP_RETRIES
from shared.domain.sweeps import Candidate, Reconciled, job_error
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records
from shared.ports.sweeps import Sweeps

LEASES = "expired_leases"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileLeases:
    """Nothing to say: the rows tell."""


def reconcile_leases(
    command: ReconcileLeases,
    *,
    sweeps: Sweeps,
    records_of: Callable[[str], Records],
    clock: Clock,
    ids: Ids,
    time_left: Callable[[], float],
) -> Reconciled:
    """Release running task jobs with an expired lease while attempts remain; else dead-letter them."""

    def repair(found: Candidate) -> bool:
        return _repair(found, records_of(found.tenant_id), clock, ids)

    return Reconciled(sweeps=(sweeps.each(LEASES, lambda: sweeps.find(LEASES), repair, time_left=time_left),))


def _repair(found: Candidate, records: Records, clock: Clock, ids: Ids) -> bool:
    with records.transaction():
        job = records.jobs.get(found.subject_id, lock=True)
        if not records.repairs.is_due(LEASES, job.job_id):
            return False
        if job.retry_count < STEP_RETRIES:
            moved = records.moves.job(job, "retrying", claim_token=None, retry_count=job.retry_count + 1)
            records.repairs.release(moved)
            records.findings.add(LEASES, found)
            return True
    error = job_error(job, "RECONCILED_STALE_CLAIM", occurred_at=clock.now())
    records.repairs.dead_letter(job.job_id, error, dlq_id=ids.new("dlq"), run_status="failed")
    records.findings.add(LEASES, found)
    return True
