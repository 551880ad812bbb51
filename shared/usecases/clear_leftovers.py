"""Expire and delete what nobody came back for (spec W120)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.sweeps import Candidate, Reconciled
from shared.ports.objects import UnfinishedObjects
from shared.ports.platform import Clock
from shared.ports.records import Records
from shared.ports.sweeps import Sweeps

LEFTOVERS = "leftovers"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearLeftovers:
    """Nothing to say: the rows tell."""


def clear_leftovers(
    command: ClearLeftovers,
    *,
    sweeps: Sweeps,
    records_of: Callable[[str], Records],
    clock: Clock,
    objects: UnfinishedObjects,
    time_left: Callable[[], float],
) -> Reconciled:
    """Approvals, upload sessions and exports expire, idempotency keys are deleted, claims of reviews are given back;
    the threads of an evaluation are deleted 30 days after its end (W84).

    The file of an export goes before the row says so: a crash between the two repeats a delete that does nothing."""

    def repair(found: Candidate) -> bool:
        records = records_of(found.tenant_id)
        if found.subject_type == "export":
            _delete_file(found.subject_id, records, objects)
        with records.transaction():
            cleared = records.leftovers.clear(found.subject_type, found.subject_id, now=clock.now())
            if cleared and found.subject_type != "key":  # one key for each request: the heartbeat counts them
                records.findings.add(LEFTOVERS, found)
        return cleared

    return Reconciled(sweeps=(sweeps.each(LEFTOVERS, lambda: sweeps.find(LEFTOVERS), repair, time_left=time_left),))


def _delete_file(export_id: str, records: Records, objects: UnfinishedObjects) -> None:
    """The database's clock decided that it expired; its time is never moved afterwards (A108, F31)."""
    export = records.exports.get(export_id)
    if export.status == "expired" and export.object_key is not None:
        objects.remove(export.object_key)
