"""Relay events that are pending for too long, and leave a record of whose and how old they were (spec W117)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.sweeps import Candidate, Reconciled
from shared.ports.dispatch import Outbox
from shared.ports.records import Records
from shared.ports.sweeps import Sweeps

WAITING = "waiting_events"
PORTION = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileOutbox:
    """Nothing to say: the rows tell."""


def reconcile_outbox(
    command: ReconcileOutbox,
    *,
    sweeps: Sweeps,
    outbox: Outbox,
    records_of: Callable[[str], Records],
    time_left: Callable[[], float],
) -> Reconciled:
    """Publish what is pending for 60 s beyond its time; one candidate per tenant with number and oldest time."""

    def repair(found: Candidate) -> bool:
        records = records_of(found.tenant_id)
        if not records.repairs.is_due(WAITING, found.subject_id):
            return True  # an earlier tenant's portion took them along
        while outbox.publish_pending(limit=PORTION) == PORTION and time_left() > 5:
            pass
        is_repaired = not records.repairs.is_due(WAITING, found.subject_id)
        records.findings.add(WAITING, found, repaired=is_repaired)
        return is_repaired

    return Reconciled(sweeps=(sweeps.each(WAITING, lambda: sweeps.find(WAITING), repair, time_left=time_left),))
