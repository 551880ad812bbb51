"""Cancel what has not ended of a batch (spec A113, A118)."""

from dataclasses import dataclass

from shared.domain.batches import Batch, is_live
from shared.domain.errors import Refused
from shared.domain.transitions import JOB
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBatch:
    """Which batch, and why."""

    batch_id: str
    reason: str


def cancel_batch(command: CancelBatch, *, records: Records) -> Batch:
    """Cancel batch, its own job and the items that have no job yet, in one transaction; jobs of items are canceled
    afterwards, each by itself, and one that ended first counts as it ended.

    Raises Refused BATCH_NOT_FOUND, JOB_CANCEL_CONFLICT for a completed or canceled batch."""
    with records.transaction():
        job_id = records.batches.get(command.batch_id).job_id
        records.jobs.get(job_id, alone=True)  # waits for the item that is being accepted, and lets no other begin
        batch = records.batches.get(command.batch_id, lock=True)
        if not is_live(batch.status):
            raise Refused("JOB_CANCEL_CONFLICT", details={"status": batch.status})
        canceled = records.moves.batch(batch, "canceled", cancel_reason=command.reason)
        records.batches.end_pending(batch.batch_id, "canceled", "JOB_CANCELED")
        job = records.jobs.get(job_id, lock=True)
        if "canceled" in JOB[job.status]:
            records.moves.job(job, "canceled", error_code="JOB_CANCELED", cancel_reason=command.reason)
            records.moves.close_run(records.jobs.newest_run(job_id).run_id, "stopped")
        records.batches.follow(batch.batch_id)  # what ended before the cancel counts as it ended
    return canceled
