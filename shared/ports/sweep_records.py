"""What the reconcilers write for one tenant (spec W111-W120, D84)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from shared.domain.evaluation_rows import Review
from shared.domain.jobs import Job, Run
from shared.domain.sweeps import Candidate


class Findings(Protocol):
    """What a sweep found and repaired; append-only (D84)."""

    def add(self, sweep: str, candidate: Candidate, *, repaired: bool = True) -> None:
        """One row, in the transaction of the repair."""
        ...

    def is_fresh(self, sweep: str, subject_id: str, *, seconds: int) -> bool:
        """Whether the sweep noted this subject in the last seconds, by the database's clock."""
        ...


class Endings(Protocol):
    """How a job ends that does not succeed, for steps and sweeps alike."""

    def dead_letter(self, job_id: str, error: Mapping[str, Any], *, dlq_id: str, run_status: str) -> Job:
        """The three commits of W102 from wherever they stopped; each may be repeated; a job that ended is left alone.

        The first waits for the transactions of the job's steps and holds new ones back. Raises Refused
        VERSION_CONFLICT when somebody else moves the job, JOB_NOT_FOUND."""
        ...

    def park(self, review: Review) -> None:
        """Expire review and wait, park the evaluation, cancel the job and stop its run (W47, W92), in the caller's
        transaction. Raises Refused WF_STATE_TRANSITION_INVALID when the review is not open."""
        ...

    def fail_release(self, release_id: str, code: str) -> None:
        """A release whose job ended before it: blocked at its gate, `rollback_failed` during its replay. One whose
        traffic may have moved stands where it is, with an alert of level P0, and a person rolls it back (A144)."""
        ...


class Repairs(Endings, Protocol):
    """Changes that only a sweep makes; each checks its condition in the same statement or under the job's lock."""

    def is_due(self, sweep: str, subject_id: str) -> bool:
        """Whether the candidate still is one, by the rows of this tenant and the database's clock."""
        ...

    def not_indexed(self, document_ids: Sequence[str], *, lock: bool = False) -> list[str]:
        """Those of the documents that nobody searches: unknown, deleted, quarantined, or failed without a living job.

        `lock` holds their rows until the end of the transaction, so that nobody begins to index them."""
        ...

    def unnamed_objects(self, keys: Sequence[str]) -> list[str]:
        """Those of the keys that no blob, living upload, report, export or manifest of the tenant names, in order."""
        ...

    def ended_uploads(self, multipart_ids: Sequence[str]) -> list[str]:
        """Those of the multipart uploads that belong to no session which is open or completing, in order."""
        ...

    def runs(self, job_id: str) -> list[Run]:
        """All runs of the job, the newest first."""
        ...

    def open_run(self, job: Job, *, run_id: str) -> Run:
        """One more run of a job whose last one was lost, marked started: its execution begins by W111 (W15)."""
        ...

    def release(self, job: Job) -> None:
        """Take claim and lease off a task job and make it available at once (W114)."""
        ...


class Leftovers(Protocol):
    """What nobody came back for (W120)."""

    def clear(self, kind: str, subject_id: str, *, now: datetime) -> bool:
        """Expire or delete an approval, key, claim, upload, export or the threads of an evaluation; False when it is no
        leftover any more.

        Raises KeyError for another kind, Refused VERSION_CONFLICT when somebody changes the row."""
        ...
