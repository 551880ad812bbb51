"""Batches and their items in the tenant's rows (spec D74)."""

from collections.abc import Sequence
from typing import Protocol

from shared.domain.batches import Batch, BatchCounts, BatchItem


class Batches(Protocol):
    """Rows of `batches` and `batch_items`; the batch's own state changes with `moves.batch`."""

    def add(self, batch: Batch, items: Sequence[BatchItem]) -> Batch:
        """Insert a queued batch and its items."""
        ...

    def get(self, batch_id: str, *, lock: bool = False) -> Batch:
        """The batch; raises Refused BATCH_NOT_FOUND."""
        ...

    def counts(self, batch_id: str) -> BatchCounts:
        """Its items by state, counted now."""
        ...

    def items(self, batch_id: str, *, after: int, limit: int, status: str | None = None) -> Sequence[BatchItem]:
        """Items with a number above `after`, in order."""
        ...

    def next_item(self, batch_id: str) -> BatchItem | None:
        """Lock and return a pending item, those under suspicion last; None without one that is free."""
        ...

    def suspect(self, batch_id: str) -> None:
        """Put the item that would be next behind all others: the worker before us may have died of it."""
        ...

    def begin(self, item: BatchItem, job_id: str) -> None:
        """pending -> started with its job, in the transaction that accepted the job; a second job is refused by key."""
        ...

    def end_pending(self, batch_id: str, status: str, code: str, *, item_no: int | None = None) -> int:
        """End one pending item, or all of them, and return how many."""
        ...

    def open_jobs(self, batch_id: str) -> Sequence[str]:
        """Jobs of the started items, in order."""
        ...

    def follow(self, batch_id: str) -> int:
        """Let items follow the end of their jobs and the batch that of its items; how many rows changed.

        In one transaction under the lock of the batch: may be called at any time, by anybody, any number of times.
        A canceled batch stays canceled (A118). Raises Refused BATCH_NOT_FOUND."""
        ...
