"""A batch of exports, a worker that runs it in the test's own thread, and what must hold of it at any time."""

from collections.abc import Callable, Sequence
from typing import Any

from infra.local.postgres import Databases
from shared.domain.batches import BatchCounts, BatchItem
from shared.domain.jobs import Job
from shared.usecases.follow_batch import FollowBatch, FollowedBatch, follow_batch
from shared.usecases.run_batch import RanBatch, RunBatch, run_batch
from shared.usecases.start_batch import AskedItem, StartBatch, StartedBatch, start_batch
from shared.usecases.work_tasks import WorkedTask
from shared.wiring.task_work import cancel_item, item_starter
from tests.evaluation_seed import Seed
from tests.exports import work
from tests.records import clock, ids, make_records

NOWHERE = "rpt_" + "0" * 26
Starter = Callable[[BatchItem], Job]


def a_batch(seed: Seed, reports: Sequence[str], *, kind: str = "export") -> StartedBatch:
    """A batch of CSV exports, one for each report id."""
    items = [AskedItem(payload={"kind": "csv", "report_id": report_id}) for report_id in reports]
    return start_batch(StartBatch(kind=kind, items=items), records=seed.records, ids=ids, clock=clock)


def run_as(databases: Databases, job: Job, run_id: str, **given: Any) -> RanBatch:
    """The work of a batch's job in records that only this run may change; `wrap` changes how items begin,
    `prepare` sees the records before."""
    records = make_records(databases, job.tenant_id, actor_id="system:work_tasks", kind="system")
    records.session.fence(job.job_id, run_id)
    given.get("prepare", lambda made: None)(records)
    starter: Starter = item_starter(records, ids=ids, clock=clock)
    return run_batch(
        RunBatch(batch_id=job.resource_id, job_id=job.job_id, run_id=run_id, again=job.retry_count > 0),
        records=records,
        start_item=given.get("wrap", lambda begin: begin)(starter),
        time_left=given.get("time_left", lambda: 900.0),
    )


def work_batch(databases: Databases, seed: Seed, made: StartedBatch, **given: Any) -> WorkedTask:
    """One message for the batch's own job."""
    return work(seed, made.job, lambda job, run_id: run_as(databases, job, run_id, **given).come_again)


def ended(seed: Seed, job: Job) -> FollowedBatch:
    """The event of a job's end is delivered."""
    payload = {"job_id": job.job_id, "status": job.status, "batch_id": job.batch_id}
    command = FollowBatch(event={"payload": payload})
    return follow_batch(command, records=seed.records, cancel_item=cancel_item, time_left=lambda: 900.0)


def jobs_of(seed: Seed, made: StartedBatch) -> dict[int, list[str]]:
    """Jobs by the number of their item, as the jobs themselves say it."""
    rows = seed.records.session.rows(
        "select batch_item_no as no, job_id from jobs where batch_id = %(id)s and batch_item_no is not null",
        id=made.batch.batch_id,
    )
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row["no"], []).append(row["job_id"])
    return found


def items_of(seed: Seed, made: StartedBatch) -> Sequence[BatchItem]:
    """All items."""
    return seed.records.batches.items(made.batch.batch_id, after=0, limit=10_000)


def states(seed: Seed, made: StartedBatch) -> list[tuple[str, str | None]]:
    """(status, code) of all items, in order."""
    return [(item.status, item.error_code) for item in items_of(seed, made)]


def end(seed: Seed, job_id: str, to: str = "succeeded") -> Job:
    """The job of an item ends."""
    job = seed.records.jobs.get(job_id)
    if to == "canceled":
        cancel_item(seed.records, job_id)
    elif to == "failed":
        error = {"code": "DATA_CORRUPTED", "class": "permanent", "retryable": False}
        seed.records.repairs.dead_letter(job_id, error, dlq_id=ids.new("dlq"), run_status="failed")
    else:
        running = seed.records.moves.job(job, "running", claim_token="run_x") if job.status == "queued" else job
        seed.records.moves.job(running, to)
    return seed.records.jobs.get(job_id)


def check(seed: Seed, made: StartedBatch, size: int) -> BatchCounts:
    """What holds at all times: nothing is counted twice or lost, one job for an item, the status fits the counts."""
    counts, items = seed.records.batches.counts(made.batch.batch_id), items_of(seed, made)
    assert counts.total == size == counts.succeeded + counts.failed + counts.canceled + counts.open
    jobs = jobs_of(seed, made)
    assert all(len(found) == 1 for found in jobs.values())
    assert {item.item_no: [item.job_id] for item in items if item.job_id} == jobs
    lost = "select count(*) as n from jobs where lane = 'bulk' and batch_item_no is null"  # nobody else uses this lane
    assert seed.records.session.rows(lost) == [{"n": 0}]
    assert all(item.error_code for item in items if item.status in ("failed", "canceled"))
    assert all(item.error_code is None for item in items if item.status in ("pending", "started", "succeeded"))
    status = seed.records.batches.get(made.batch.batch_id).status
    assert status != "completed" or counts.open == 0
    assert status != "canceled" or counts.pending == 0
    return counts
