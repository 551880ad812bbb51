"""Leases of task jobs in the tenant's rows (spec W18); every time in them is the database's (F31)."""

from typing import Protocol

from shared.domain.jobs import Job


class Tasks(Protocol):
    """Claims, renews and releases task jobs; state changes stay with `moves`."""

    def due(self, hint: str | None) -> Job | None:
        """Lock and return the `hint` job or the one that waits the longest, whichever is due; None without one.

        Due: queued (before its deadline) or retrying from available_at on, or running under an expired lease while
        tries remain. Rows that somebody else has locked are passed over."""
        ...

    def lease(self, job_id: str, run_id: str) -> None:
        """Give the job 60 s from now and mark its run started."""
        ...

    def own(self, job_id: str, run_id: str) -> Job:
        """Lock the running job of this run; raises Refused JOB_CANCELED when it ended or is another's."""
        ...

    def renew(self, job_id: str, run_id: str) -> bool:
        """60 s more from now; False when this run no longer owns the running job."""
        ...

    def release(self, job_id: str, *, delay_seconds: float) -> None:
        """Take the lease off and make the job available after the delay."""
        ...

    def is_coming(self, job_id: str) -> bool:
        """Whether the job waits for a later time."""
        ...
