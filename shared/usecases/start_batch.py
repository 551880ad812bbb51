"""Accept a batch: many evaluations, exports or parses, each of which ends on its own (spec A113, A118)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.batches import MOST_ITEMS, Batch, BatchItem
from shared.domain.errors import Refused
from shared.domain.jobs import Job, new_job
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedItem:
    """What one item asks for; with `refused`, the code why it is not to be begun at all."""

    payload: Mapping[str, Any]
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartBatch:
    """`kind` is evaluate, parse or export; the items keep their order."""

    kind: str
    items: Sequence[AskedItem]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedBatch:
    """The accepted rows; no item has begun (A22)."""

    batch: Batch
    job: Job
    run_id: str


def start_batch(command: StartBatch, *, records: Records, ids: Ids, clock: Clock) -> StartedBatch:
    """Insert batch, items and the batch's own job in one transaction.

    Raises Refused BATCH_LIMIT_EXCEEDED above 1,000 items, TENANT_BACKLOG_FULL."""
    if len(command.items) > MOST_ITEMS:
        raise Refused("BATCH_LIMIT_EXCEEDED", details={"limit": MOST_ITEMS, "items": len(command.items)})
    batch_id, run_id = ids.new("bat"), ids.new("run")
    with records.transaction():
        job = new_job(
            "batch",
            batch_id,
            job_id=ids.new("job"),
            tenant_id=records.actor.tenant_id,
            now=clock.now(),
            batch_id=batch_id,
        )
        job = records.jobs.accept(job, run_id=run_id)
        items = [_item(batch_id, number, asked) for number, asked in enumerate(command.items, start=1)]
        batch = records.batches.add(Batch(batch_id=batch_id, kind=command.kind, job_id=job.job_id), items)
        records.trail.audit("batch.queued", "batch", batch_id, changes={"kind": command.kind, "items": len(items)})
    return StartedBatch(batch=batch, job=job, run_id=run_id)


def _item(batch_id: str, number: int, asked: AskedItem) -> BatchItem:
    status = "pending" if asked.refused is None else "failed"
    payload = dict(asked.payload)
    return BatchItem(batch_id=batch_id, item_no=number, payload=payload, status=status, error_code=asked.refused)
