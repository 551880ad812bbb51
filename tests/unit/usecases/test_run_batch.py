"""The items of a batch are accepted one by one, each once, and a bad one stops no other (spec A118, W18)."""

from collections.abc import Callable

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.batches import BatchItem
from shared.domain.errors import Permanent, Refused, Retryable
from shared.domain.jobs import Job
from shared.usecases.reconcile_leases import ReconcileLeases, reconcile_leases
from shared.usecases.start_batch import AskedItem, StartBatch, start_batch
from shared.usecases.work_tasks import claim
from tests.batches import NOWHERE, Starter, a_batch, check, end, ended, items_of, jobs_of, run_as, states, work_batch
from tests.evaluation_seed import Seed
from tests.exports import a_report, make_due
from tests.records import clock, ids
from tests.rows import a_document
from tests.sweeping import sweep


class Killed(BaseException):
    """The worker's process ends here."""


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


@pytest.fixture(scope="module")
def place(databases: Databases) -> tuple[Seed, str]:
    """A tenant with one report."""
    return a_report(databases)


def failing(error: BaseException, *numbers: int) -> Callable[[Starter], Starter]:
    """Items with these numbers fail in their transaction, after their job is inserted."""

    def wrap(begin: Starter) -> Starter:
        def other(item: BatchItem) -> Job:
            job = begin(item)
            if item.item_no in numbers:
                raise error
            return job

        return other

    return wrap


def test_good_items_get_a_job_each_and_bad_ones_their_own_code(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report, NOWHERE, report])
    assert work_batch(databases, seed, made).error_code is None
    assert states(seed, made) == [("started", None), ("failed", "REPORT_NOT_FOUND"), ("started", None)]
    job, batch = seed.records.jobs.get(made.job.job_id), seed.records.batches.get(made.batch.batch_id)
    assert (batch.status, job.status, job.waiting_on, job.lease_expires_at) == (
        "running",
        "running",
        "batch_items",
        None,
    )
    own = [seed.records.jobs.get(found[0]) for found in jobs_of(seed, made).values()]
    assert {(one.job_type, one.lane, one.batch_id) for one in own} == {("export", "bulk", batch.batch_id)}
    for one in own:
        ended(seed, end(seed, one.job_id))
    check(seed, made, 3)
    job, batch = seed.records.jobs.get(made.job.job_id), seed.records.batches.get(made.batch.batch_id)
    assert (batch.status, job.status, job.progress_done) == ("completed", "succeeded", 100)
    assert seed.records.jobs.run(made.run_id).status == "succeeded"


def test_a_batch_of_bad_items_is_completed_at_once(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, _ = place
    made = a_batch(seed, [NOWHERE, NOWHERE])
    work_batch(databases, seed, made)
    assert check(seed, made, 2).failed == 2
    assert seed.records.batches.get(made.batch.batch_id).status == "completed"
    assert seed.records.jobs.get(made.job.job_id).status == "succeeded"


def test_documents_are_parsed_again_and_one_that_cannot_be_fails_alone(
    databases: Databases, place: tuple[Seed, str]
) -> None:
    seed, _ = place
    documents = [a_document(seed.records, status=status).document_id for status in ("indexed", "parsing")]
    asked = [AskedItem(payload={"document_id": one, "reason": "newer reader"}) for one in (*documents, "doc_1")]
    made = start_batch(StartBatch(kind="parse", items=asked), records=seed.records, ids=ids, clock=clock)
    work_batch(databases, seed, made)
    assert states(seed, made) == [
        ("started", None),
        ("failed", "WF_STATE_TRANSITION_INVALID"),
        ("failed", "DOC_NOT_FOUND"),
    ]
    [job] = seed.records.jobs.list(filters={"resource_id": documents[0]}, before=None, limit=9)
    assert (job.job_type, job.lane, job.batch_id) == ("ingest_document", "bulk", made.batch.batch_id)


def test_a_killed_worker_leaves_whole_items_and_the_next_one_goes_on(
    databases: Databases, place: tuple[Seed, str]
) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 4)
    with pytest.raises(Killed):
        work_batch(databases, seed, made, wrap=failing(Killed(), 3))
    assert [status for status, _ in states(seed, made)] == ["started", "started", "pending", "pending"]
    first = jobs_of(seed, made)
    make_due(seed, made.job, lease=True)
    work_batch(databases, seed, made)
    assert check(seed, made, 4).started == 4 and jobs_of(seed, made).items() >= first.items()
    assert seed.records.jobs.newest_run(made.job.job_id).run_no == 2


def test_a_worker_killed_between_a_job_and_its_item_leaves_neither(
    databases: Databases, place: tuple[Seed, str]
) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 2)

    def prepare(records: PostgresRecords) -> None:
        tie = records.batches.begin

        def begin(item: BatchItem, job_id: str) -> None:
            if item.item_no == 2:
                raise Killed
            tie(item, job_id)

        records.batches.begin = begin  # type: ignore[method-assign]

    with pytest.raises(Killed):
        work_batch(databases, seed, made, prepare=prepare)
    assert check(seed, made, 2).pending == 1
    make_due(seed, made.job, lease=True)
    work_batch(databases, seed, made)
    assert check(seed, made, 2).started == 2


def test_f28_an_owner_that_lost_its_lease_begins_nothing_more(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 2)
    old = claim(seed.records, ids, made.job.job_id)
    assert old is not None
    make_due(seed, old.job, lease=True)
    work_batch(databases, seed, made)
    before = jobs_of(seed, made)
    with pytest.raises(Refused, match="another run"):
        run_as(databases, old.job, old.run_id)
    assert jobs_of(seed, made) == before and check(seed, made, 2).started == 2


def test_an_item_that_kills_its_worker_each_time_fails_alone(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 4)
    for _ in range(4):
        with pytest.raises(Killed):
            work_batch(databases, seed, made, wrap=failing(Killed(), 2))
        make_due(seed, made.job, lease=True)
    assert [status for status, _ in states(seed, made)] == ["started", "pending", "started", "started"]
    sweep(databases, reconcile_leases, ReconcileLeases())
    dead = seed.records.jobs.get(made.job.job_id)
    assert dead.status == "failed"
    ended(seed, dead)
    assert states(seed, made)[1] == ("failed", "RECONCILED_STALE_CLAIM")
    for item in items_of(seed, made):
        if item.job_id:
            ended(seed, end(seed, item.job_id))
    counts = check(seed, made, 4)
    assert (counts.succeeded, counts.failed) == (3, 1)
    assert seed.records.batches.get(made.batch.batch_id).status == "completed"


def test_a_full_backlog_lets_the_batch_wait_without_a_retry(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 3)
    work_batch(databases, seed, made, wrap=failing(Retryable("TENANT_BACKLOG_FULL"), 2))
    job = seed.records.jobs.get(made.job.job_id)
    assert (job.status, job.retry_count, job.lease_expires_at) == ("retrying", 0, None)
    assert [status for status, _ in states(seed, made)] == ["started", "pending", "pending"]
    row = seed.records.session.row(
        "select available_at > clock_timestamp() + interval '25 s' as later from jobs where job_id = %(id)s",
        id=job.job_id,
    )
    assert row == {"later": True}
    make_due(seed, job)
    work_batch(databases, seed, made)
    assert check(seed, made, 3).started == 3


def test_a_failure_that_may_pass_is_a_retry_only_when_nothing_was_accepted(
    databases: Databases, place: tuple[Seed, str]
) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 3)
    for number, retries in ((2, 0), (2, 1)):
        work_batch(databases, seed, made, wrap=failing(Retryable("DEPENDENCY_UNAVAILABLE"), number, 3))
        job = seed.records.jobs.get(made.job.job_id)
        assert (job.status, job.retry_count) == ("retrying", retries)
        make_due(seed, job)
    work_batch(databases, seed, made)
    assert check(seed, made, 3).started == 3


def test_a_bug_of_one_kind_of_item_is_that_items_code(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 3)
    work_batch(databases, seed, made, wrap=failing(Permanent("DATA_CORRUPTED"), 1, 3))
    assert states(seed, made) == [("failed", "DATA_CORRUPTED"), ("started", None), ("failed", "DATA_CORRUPTED")]
    check(seed, made, 3)


def test_short_time_ends_the_pass_between_two_items(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made, left = a_batch(seed, [report] * 3), iter([900.0, 900.0, 9.0])
    work_batch(databases, seed, made, time_left=lambda: next(left))
    job = seed.records.jobs.get(made.job.job_id)
    assert check(seed, made, 3).started == 2 and (job.status, job.retry_count) == ("retrying", 0)
    work_batch(databases, seed, made)
    assert check(seed, made, 3).started == 3
