"""Say once at 50 % and once at 80 % of its wait that a review is due soon (spec W88)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.sweeps import Candidate, Reconciled
from shared.ports.records import Records
from shared.ports.sweeps import Sweeps

DUE = "due_reviews"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemindReviewers:
    """Nothing to say: the rows tell."""


def remind_reviewers(
    command: RemindReviewers,
    *,
    sweeps: Sweeps,
    records_of: Callable[[str], Records],
    time_left: Callable[[], float],
) -> Reconciled:
    """Publish review.due_soon for reviews that nobody has answered; the database's clock decides.

    The event and the mark that it was sent are one transaction. When both moments passed unseen, the later one is
    told: two reminders in one minute help nobody."""
    return Reconciled(
        sweeps=(
            sweeps.each(
                DUE,
                lambda: sweeps.find(DUE),
                lambda found: _remind(records_of(found.tenant_id), found),
                time_left=time_left,
            ),
        )
    )


def _remind(records: Records, found: Candidate) -> bool:
    with records.transaction():
        reached = records.reviews.remind(found.subject_id)
        if reached is None:
            return False
        review = records.reviews.get(found.subject_id)
        evaluation = records.evaluations.get(review.evaluation_id)
        records.trail.publish(
            "review.due_soon",
            ("review", review.review_id, review.row_version),
            {
                "review_id": review.review_id,
                "evaluation_id": review.evaluation_id,
                "due_at": review.due_at.isoformat(),
                "elapsed_pct": reached,
                "status": review.status,
                "claimed_by": review.claimed_by,
            },
            project_id=review.project_id,
            job_id=evaluation.job_id,
        )
    return True
