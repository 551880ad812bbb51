"""Bring waits for people to their end: deliver again, expire, or close with their review (spec W91, W92, W115)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.sweeps import GRACE_SECONDS, Candidate, Reconciled
from shared.ports.records import Records
from shared.ports.sweeps import Sweeps

UNDELIVERED, OVERDUE, CLOSED = "undelivered_waits", "overdue_waits", "closed_waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileWaits:
    """Nothing to say: the rows tell."""


def reconcile_waits(
    command: ReconcileWaits,
    *,
    sweeps: Sweeps,
    records_of: Callable[[str], Records],
    time_left: Callable[[], float],
) -> Reconciled:
    """Publish stored answers again, park what nobody answered, close waits whose review ended otherwise.

    An answer whose run is closed goes to deliver_wait like any other: that finds the execution gone and orphans the
    wait, which starts the job that applies the decision (W91)."""
    repairs = {UNDELIVERED: _deliver, OVERDUE: _expire, CLOSED: _close}

    def repair(sweep: str) -> Callable[[Candidate], bool]:
        return lambda found: repairs[sweep](found, records_of(found.tenant_id))

    def find(sweep: str) -> Callable[[], list[Candidate]]:
        return lambda: list(sweeps.find(sweep))

    return Reconciled(
        sweeps=tuple(sweeps.each(sweep, find(sweep), repair(sweep), time_left=time_left) for sweep in repairs)
    )


def _deliver(found: Candidate, records: Records) -> bool:
    with records.transaction():
        review = records.reviews.get(found.observed["review"], lock=True)
        is_woken = records.findings.is_fresh(UNDELIVERED, found.subject_id, seconds=GRACE_SECONDS)
        if is_woken or not records.repairs.is_due(UNDELIVERED, found.subject_id):
            return False
        evaluation = records.evaluations.get(review.evaluation_id)
        payload = {"review_id": review.review_id, "evaluation_id": review.evaluation_id, "decision": review.decision}
        records.trail.publish(
            "review.submitted",
            ("review", review.review_id, review.row_version),
            payload,
            project_id=review.project_id,
            job_id=evaluation.job_id,
        )
        records.findings.add(UNDELIVERED, found)
    return True


def _expire(found: Candidate, records: Records) -> bool:
    with records.transaction():
        review = records.reviews.get(found.observed["review"], lock=True)
        if not records.repairs.is_due(OVERDUE, found.subject_id):
            return False
        records.repairs.park(review)  # what ExpireReview does in the machine, for one that never came to it (W47)
        records.findings.add(OVERDUE, found)
    return True


def _close(found: Candidate, records: Records) -> bool:
    with records.transaction():
        review = records.reviews.get(found.observed["review"], lock=True)
        if not records.repairs.is_due(CLOSED, found.subject_id):
            return False
        closed = records.reviews.close_wait(found.subject_id, review.status)
        if closed:
            records.findings.add(CLOSED, found)
    return closed
