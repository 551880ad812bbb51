"""Give task jobs whose worker went silent, or whose wake-up was lost, to a worker, or end them (spec W18, W114)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.retries import STEP_RETRIES
from shared.domain.sweeps import GRACE_SECONDS, Candidate, Reconciled, job_error
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records
from shared.ports.sweeps import Sweeps

LEASES, RETRIES = "expired_leases", "forgotten_retries"


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
    """Release running task jobs with an expired lease while attempts remain, else dead-letter them; wake the workers
    for jobs whose next try is due for a minute (W112 does it for the first try)."""

    def repair(found: Candidate) -> bool:
        return _repair(found, records_of(found.tenant_id), clock, ids)

    def wake(found: Candidate) -> bool:
        return _wake(found, records_of(found.tenant_id))

    return Reconciled(
        sweeps=(
            sweeps.each(LEASES, lambda: sweeps.find(LEASES), repair, time_left=time_left),
            sweeps.each(RETRIES, lambda: sweeps.find(RETRIES), wake, time_left=time_left),
        )
    )


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


def _wake(found: Candidate, records: Records) -> bool:
    """The event of the retry once more, by way of the tenant's outbox like every other one (W101)."""
    with records.transaction():
        job = records.jobs.get(found.subject_id, lock=True)
        is_woken = records.findings.is_fresh(RETRIES, job.job_id, seconds=GRACE_SECONDS)
        if is_woken or not records.repairs.is_due(RETRIES, job.job_id):
            return False
        payload = {"job_id": job.job_id, "status": job.status, "job_type": job.job_type, "lane": job.lane}
        about = ("job", job.job_id, job.row_version)
        records.trail.publish("job.retry.scheduled", about, payload, project_id=job.project_id, job_id=job.job_id)
        records.findings.add(RETRIES, found)
    return True
