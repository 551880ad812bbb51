"""Accept the items of a batch one by one, as the work of its own job (spec A118, W18)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.batches import BACKLOG_PAUSE_SECONDS, FAILURE_PAUSE_SECONDS, ITEM_RESERVE_SECONDS, WAITING_ON
from shared.domain.batches import BatchItem as Item
from shared.domain.errors import CodedError, Retryable
from shared.domain.jobs import Job
from shared.ports.records import Records

BACKLOG_FULL = "TENANT_BACKLOG_FULL"
LOST = "JOB_CANCELED"  # the batch's job ended or belongs to another run: nothing is left to write


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBatch:
    """Which batch, for which run of its job; `again` says that a try before this one did not come to its end."""

    batch_id: str
    job_id: str
    run_id: str
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RanBatch:
    """How many items were accepted, how many refused, and in how many seconds to come again (None: all are done)."""

    accepted: int
    refused: int
    come_again: float | None = None


def run_batch(
    command: RunBatch, *, records: Records, start_item: Callable[[Item], Job], time_left: Callable[[], float]
) -> RanBatch:
    """Accept what is pending, then wait without a worker for the jobs of the items.

    An item and its job are one transaction, in `records` that only this run may change: whoever comes after a crash
    finds the item started or pending. What its use case refuses ends the item with that code and no other. A full
    backlog, short time and a failure that may pass leave the rest for later. Raises Retryable when not one item was
    accepted before such a failure, Refused JOB_CANCELED when the run lost the job."""
    _begin(command, records)
    accepted = refused = 0
    while time_left() > ITEM_RESERVE_SECONDS:
        item: Item | None = None
        try:
            with records.transaction():
                item = records.batches.next_item(command.batch_id)
                if item is not None:
                    records.batches.begin(item, start_item(item).job_id)
        except CodedError as error:
            pause = _pause(error, item, accepted)
            if pause is not None or item is None:
                return RanBatch(accepted=accepted, refused=refused, come_again=pause)
            records.batches.end_pending(command.batch_id, "failed", error.code, item_no=item.item_no)
            refused += 1
            continue
        if item is None:
            _wait(command, records)
            return RanBatch(accepted=accepted, refused=refused)
        accepted += 1
    return RanBatch(accepted=accepted, refused=refused, come_again=0.0)


def _begin(command: RunBatch, records: Records) -> None:
    with records.transaction():
        batch = records.batches.get(command.batch_id, lock=True)
        if batch.status == "queued":
            records.moves.batch(batch, "running")
        if command.again:
            records.batches.suspect(command.batch_id)
        records.batches.follow(command.batch_id)


def _pause(error: CodedError, item: Item | None, accepted: int) -> float | None:
    """Seconds until the rest may be accepted, None when only this item is to blame."""
    if error.code == LOST:
        raise error
    if error.code == BACKLOG_FULL:
        return BACKLOG_PAUSE_SECONDS
    if not isinstance(error, Retryable):
        if item is None:
            raise error
        return None
    if not accepted:
        raise error
    return FAILURE_PAUSE_SECONDS


def _wait(command: RunBatch, records: Records) -> None:
    with records.transaction():
        records.batches.get(command.batch_id, lock=True)  # before the row of the job, like everybody (see follow)
        records.jobs.set_waiting(command.job_id, WAITING_ON)
        records.tasks.release(command.job_id, delay_seconds=0)
        records.batches.follow(command.batch_id)
