"""FollowBatch: a job of a batch ended, so its item ended, and perhaps the batch (spec A118, W99)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.domain.batches import ITEM_RESERVE_SECONDS
from shared.domain.errors import Retryable
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowBatch:
    """The event of the job that ended; it only wakes, the rows tell (W1)."""

    event: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedBatch:
    """How many rows changed and how many jobs were canceled."""

    changed: int = 0
    canceled: int = 0


def follow_batch(
    command: FollowBatch,
    *,
    records: Records,
    cancel_item: Callable[[Records, str], bool],
    time_left: Callable[[], float],
) -> FollowedBatch:
    """Let the batch follow its jobs; when its own job was canceled, cancel the jobs of its items too.

    Effects are idempotent, so an event may come again, late or never. Raises Retryable DEPENDENCY_UNAVAILABLE when the
    time does not suffice for all cancels: then the message comes again (W20)."""
    payload = command.event["payload"]
    if payload.get("batch_id") is None:
        return FollowedBatch()
    changed = records.batches.follow(payload["batch_id"])
    batch, canceled = records.batches.get(payload["batch_id"]), 0
    if batch.status == "canceled" and payload.get("job_id") == batch.job_id:
        for job_id in records.batches.open_jobs(batch.batch_id):
            if time_left() < ITEM_RESERVE_SECONDS:
                raise Retryable("DEPENDENCY_UNAVAILABLE", "some jobs of the batch are still to be canceled")
            canceled += cancel_item(records, job_id)
    return FollowedBatch(changed=changed, canceled=canceled)
