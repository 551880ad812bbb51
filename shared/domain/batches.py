"""Many jobs asked for at once: rows, counts, and what follows from them (spec D74, D111, A113, A118)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.domain.transitions import BATCH, is_terminal

MOST_ITEMS = 1000  # A113
LANE = "bulk"  # of the items' jobs, so that a batch never stands in the way of single ones (W121)
WAITING_ON = "batch_items"  # what the batch's own job waits for when all items are accepted (W122)
ITEM_RESERVE_SECONDS = 10.0  # with less of the worker's time left no further item is begun (W126)
BACKLOG_PAUSE_SECONDS = 30.0  # between the 6th and 36th second of a message's life it comes again (W20)
FAILURE_PAUSE_SECONDS = 5.0
DEADLINE = "JOB_DEADLINE_EXCEEDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A row of `batches`; how many items it has in which state is counted, never stored."""

    batch_id: str
    kind: str
    job_id: str
    status: str = "queued"
    cancel_reason: str | None = None
    created_at: datetime | None = None
    created_by: str = ""
    updated_at: datetime | None = None
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """A row of `batch_items`, numbered from 1; pending > started > succeeded, failed or canceled, with its own code."""

    batch_id: str
    item_no: int
    payload: dict[str, Any] = field(default_factory=dict)
    status: str = "pending"
    job_id: str | None = None
    error_code: str | None = None
    updated_at: datetime | None = None

    @property
    def place(self) -> str:
        """Where it stands, as a cursor writes it."""
        return str(self.item_no)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCounts:
    """How many items stand where; `total` is the number of rows."""

    total: int
    pending: int
    started: int
    succeeded: int
    failed: int
    canceled: int

    @property
    def processed(self) -> int:
        """Items that ended."""
        return self.succeeded + self.failed + self.canceled

    @property
    def open(self) -> int:
        """Items that did not end yet."""
        return self.pending + self.started


def is_live(status: str) -> bool:
    """Whether a batch of this status can still complete or be canceled."""
    return not is_terminal(BATCH, status)


def end_of_pending(job_status: str, job_code: str | None, *, overdue: bool) -> tuple[str, str] | None:
    """How items end that nobody will begin any more, as (status, code); None while the batch's job may begin them.

    Its job canceled: they are canceled. Its job in the dead letters: they fail with its code. 24 h over (W17): they
    fail with JOB_DEADLINE_EXCEEDED, while those begun go on until the deadline of their own job."""
    if job_status == "canceled":
        return "canceled", "JOB_CANCELED"
    if job_status == "failed":
        return "failed", job_code or "INTERNAL_ERROR"
    return ("failed", DEADLINE) if overdue else None
