"""Let batches follow jobs whose events got lost, end overdue items and finish cancels (spec W1, W17, A118)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.sweeps import STOP_BELOW_SECONDS, Candidate, Reconciled
from shared.ports.records import Records
from shared.ports.sweeps import Sweeps

BATCHES = "unsettled_batches"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileBatches:
    """Nothing to say: the rows tell."""


def reconcile_batches(
    command: ReconcileBatches,
    *,
    sweeps: Sweeps,
    records_of: Callable[[str], Records],
    cancel_item: Callable[[Records, str], bool],
    time_left: Callable[[], float],
) -> Reconciled:
    """Repair batches whose items do not stand where their jobs do."""

    def repair(found: Candidate) -> bool:
        return _repair(found, records_of(found.tenant_id), cancel_item, time_left)

    return Reconciled(sweeps=(sweeps.each(BATCHES, lambda: sweeps.find(BATCHES), repair, time_left=time_left),))


def _repair(
    found: Candidate, records: Records, cancel_item: Callable[[Records, str], bool], time_left: Callable[[], float]
) -> bool:
    changed = records.batches.follow(found.subject_id)
    if records.batches.get(found.subject_id).status == "canceled":
        for job_id in records.batches.open_jobs(found.subject_id):
            if time_left() < STOP_BELOW_SECONDS:
                break
            changed += cancel_item(records, job_id)
        changed += records.batches.follow(found.subject_id)
    if changed:
        records.findings.add(BATCHES, found)
    return bool(changed)
