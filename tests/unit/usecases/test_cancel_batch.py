"""A cancel ends what has not ended; what ended first counts as it ended (spec A118, W110)."""

import threading

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import CodedError, Refused
from shared.usecases.cancel_batch import CancelBatch, cancel_batch
from shared.usecases.cancel_job import CancelJob, cancel_job
from shared.usecases.work_tasks import claim
from tests.batches import a_batch, check, end, ended, jobs_of, run_as, states, work_batch
from tests.evaluation_seed import Seed
from tests.exports import a_report
from tests.records import ids, make_records


@pytest.fixture(scope="module")
def place(databases: Databases) -> tuple[Seed, str]:
    """A tenant with one report."""
    return a_report(databases)


def cancel(seed: Seed, batch_id: str) -> None:
    cancel_batch(CancelBatch(batch_id=batch_id, reason="enough"), records=seed.records)


def code_of(seed: Seed, batch_id: str) -> str:
    with pytest.raises(Refused) as refusal:
        cancel(seed, batch_id)
    return refusal.value.code


def test_pending_items_are_canceled_at_once_and_the_jobs_of_others_afterwards(
    databases: Databases, place: tuple[Seed, str]
) -> None:
    seed, report = place
    made, left = a_batch(seed, [report] * 4), iter([900.0] * 3)
    work_batch(databases, seed, made, time_left=lambda: next(left, 0.0))
    first, second, _ = (seed.records.jobs.get(found[0]) for _, found in sorted(jobs_of(seed, made).items()))
    end(seed, first.job_id)  # its event is still on its way
    cancel(seed, made.batch.batch_id)
    batch = seed.records.batches.get(made.batch.batch_id)
    assert (batch.status, batch.cancel_reason) == ("canceled", "enough")
    assert [status for status, _ in states(seed, made)] == ["succeeded", "started", "started", "canceled"]
    end(seed, second.job_id, "failed")
    own = seed.records.jobs.get(made.job.job_id)
    assert (own.status, own.cancel_reason) == ("canceled", "enough")
    assert ended(seed, own).canceled == 1
    for found in jobs_of(seed, made).values():
        ended(seed, seed.records.jobs.get(found[0]))
    assert states(seed, made) == [
        ("succeeded", None),
        ("failed", "DATA_CORRUPTED"),
        ("canceled", "JOB_CANCELED"),
        ("canceled", "JOB_CANCELED"),
    ]
    check(seed, made, 4)
    assert seed.records.batches.get(made.batch.batch_id).status == "canceled"
    assert code_of(seed, made.batch.batch_id) == "JOB_CANCEL_CONFLICT"


def test_a_batch_whose_job_is_canceled_is_canceled(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 2)
    work_batch(databases, seed, made)
    own = cancel_job(CancelJob(job_id=made.job.job_id, reason="by its job"), records=seed.records)
    assert ended(seed, own).canceled == 2
    for found in jobs_of(seed, made).values():
        ended(seed, seed.records.jobs.get(found[0]))
    assert check(seed, made, 2).canceled == 2
    batch = seed.records.batches.get(made.batch.batch_id)
    assert (batch.status, batch.cancel_reason) == ("canceled", "by its job")


def test_a_queued_batch_is_canceled_and_never_begins(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report])
    cancel(seed, made.batch.batch_id)
    assert work_batch(databases, seed, made).job_id != made.job.job_id
    assert states(seed, made) == [("canceled", "JOB_CANCELED")] and jobs_of(seed, made) == {}


def test_a_completed_batch_and_one_that_is_not_there_are_conflict_and_not_found(
    databases: Databases, place: tuple[Seed, str]
) -> None:
    seed, _ = place
    made = a_batch(seed, ["rpt_" + "0" * 26])
    work_batch(databases, seed, made)
    assert code_of(seed, made.batch.batch_id) == "JOB_CANCEL_CONFLICT"
    assert code_of(seed, ids.new("bat")) == "BATCH_NOT_FOUND"


@pytest.mark.parametrize("after", [0, 3, 9])
def test_a_cancel_while_items_begin_and_end_loses_none_and_lets_none_begin(
    databases: Databases, place: tuple[Seed, str], after: int
) -> None:
    seed, report = place
    made, reached, canceled = a_batch(seed, [report] * 20), threading.Event(), threading.Event()
    claimed = claim(seed.records, ids, made.job.job_id)
    assert claimed is not None
    errors: list[BaseException] = []

    def run() -> None:
        def left() -> float:
            begun = len(jobs_of(watcher, made))
            if begun >= after:
                reached.set()
            assert begun < 19 or canceled.wait(60), "the cancel comes before the last item, however busy the machine"
            return 900.0

        watcher = Seed.__new__(Seed)
        watcher.records = make_records(databases, made.job.tenant_id)
        try:
            run_as(databases, claimed.job, claimed.run_id, time_left=left)
        except CodedError as error:
            errors.append(error)

    def follow() -> None:
        records = make_records(databases, made.job.tenant_id)
        try:
            while worker.is_alive():
                records.batches.follow(made.batch.batch_id)
        except CodedError as error:
            errors.append(error)

    worker = threading.Thread(target=run)
    follower = threading.Thread(target=follow)
    worker.start()
    follower.start()
    assert reached.wait(60)
    cancel(seed, made.batch.batch_id)
    canceled.set()
    begun = jobs_of(seed, made)
    worker.join(60)
    follower.join(60)
    assert [getattr(error, "code", "") for error in errors] == ["JOB_CANCELED"]
    assert jobs_of(seed, made) == begun
    ended(seed, seed.records.jobs.get(made.job.job_id))
    for found in begun.values():
        ended(seed, seed.records.jobs.get(found[0]))
    assert check(seed, made, 20).canceled == 20
