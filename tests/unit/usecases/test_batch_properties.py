"""Whatever is refused, dies, comes twice, late or not at all: no item is lost, counted twice or begun twice (A118)."""

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.batches import BatchItem
from shared.domain.errors import CodedError, Permanent, Retryable
from shared.domain.jobs import Job
from shared.domain.transitions import JOB, is_terminal
from shared.usecases.cancel_batch import CancelBatch, cancel_batch
from shared.usecases.start_batch import StartedBatch
from tests.batches import NOWHERE, Starter, a_batch, check, end, ended, items_of, jobs_of, work_batch
from tests.evaluation_seed import Seed
from tests.exports import a_report, make_due
from tests.records import ids

ITEMS = st.lists(st.sampled_from(["good", "nowhere", "broken"]), min_size=1, max_size=6)
# what the worker meets while it begins its n-th item: nothing, its end before or after the commit, a failure
PASSES = st.tuples(
    st.just("work"),
    st.integers(1, 4),
    st.sampled_from(["whole", "killed", "killed_between", "killed_with_job", "out", "full", "short"]),
)
ENDS = st.tuples(st.just("end"), st.integers(0, 5), st.sampled_from(["succeeded", "failed", "canceled"]))
EVENTS = st.tuples(st.just("event"), st.integers(0, 5), st.just(""))
CANCELS = st.tuples(st.just("cancel"), st.just(0), st.just(""))
STEPS = st.lists(st.one_of(PASSES, PASSES, PASSES, ENDS, ENDS, EVENTS, CANCELS), min_size=3, max_size=12)
FAILURES = {"out": Retryable("DEPENDENCY_UNAVAILABLE"), "full": Retryable("TENANT_BACKLOG_FULL")}
_places: dict[str, tuple[Seed, str]] = {}


class Killed(BaseException):
    """The worker's process ends here."""


class Story:
    """One batch and what happens to it."""

    def __init__(self, databases: Databases, asked: list[str]) -> None:
        self.databases, self.asked = databases, asked
        if databases.app_url not in _places:
            _places[databases.app_url] = a_report(databases)
        self.seed, report = _places[databases.app_url]
        self.made: StartedBatch = a_batch(self.seed, [NOWHERE if kind == "nowhere" else report for kind in asked])

    def job(self) -> Job:
        return self.seed.records.jobs.get(self.made.job.job_id)

    def work(self, at: int, how: str) -> None:
        """A worker comes by; whoever had the lease before lost it."""
        job = self.job()
        if is_terminal(JOB, job.status) or job.waiting_on:
            return
        make_due(self.seed, job, lease=job.status == "running")
        begun = iter(range(1, 100))
        left = iter([900.0] * at)

        def time_left() -> float:
            if how == "killed_between" and next(left, None) is None:
                raise Killed
            return next(left, 0.0) if how == "short" else 900.0

        def wrap(begin: Starter) -> Starter:
            def other(item: BatchItem) -> Job:
                number, started = next(begun), begin(item)
                if number == at and how == "killed":
                    raise Killed
                if number == at and how in FAILURES:
                    raise FAILURES[how]
                if self.asked[item.item_no - 1] == "broken":
                    raise Permanent("DATA_CORRUPTED")
                return started

            return other

        def prepare(records: PostgresRecords) -> None:
            tie, tied = records.batches.begin, iter(range(1, 100))

            def other(item: BatchItem, job_id: str) -> None:
                if next(tied) == at and how == "killed_with_job":  # the job is inserted, its item does not know it
                    raise Killed
                tie(item, job_id)

            records.batches.begin = other  # type: ignore[method-assign]

        with suppress(Killed):
            work_batch(self.databases, self.seed, self.made, wrap=wrap, time_left=time_left, prepare=prepare)

    def some_job(self, index: int) -> Job | None:
        found = [jobs[0] for _, jobs in sorted(jobs_of(self.seed, self.made).items())]
        return self.seed.records.jobs.get(found[index % len(found)]) if found else None

    def end(self, index: int, to: str) -> None:
        job = self.some_job(index)
        if job is not None and not is_terminal(JOB, job.status):
            end(self.seed, job.job_id, to)

    def event(self, index: int) -> None:
        """Of a job that ended or not, again or for the first time."""
        ended(self.seed, self.some_job(index) or self.job())

    def cancel(self) -> None:
        try:
            cancel_batch(CancelBatch(batch_id=self.made.batch.batch_id, reason="x"), records=self.seed.records)
        except CodedError as error:
            assert error.code == "JOB_CANCEL_CONFLICT"

    def finish(self) -> None:
        """Workers and sweeps come by until nothing changes, and every job ends well."""
        for _ in range(8):
            self.work(9, "whole")
        error: dict[str, Any] = {"code": "RECONCILED_STALE_CLAIM", "class": "transient", "retryable": True}
        if not is_terminal(JOB, self.job().status) and not self.job().waiting_on:
            self.seed.records.repairs.dead_letter(self.job().job_id, error, dlq_id=ids.new("dlq"), run_status="failed")
        ended(self.seed, self.job())
        for index in range(len(self.asked)):
            self.end(index, "succeeded")
        ended(self.seed, self.job())


@given(asked=ITEMS, steps=STEPS)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_items_are_counted_once_and_begun_once_in_every_story(
    databases: Databases, asked: list[str], steps: list[tuple[str, int, str]]
) -> None:
    story = Story(databases, asked)
    seed, made = story.seed, story.made
    before: dict[int, str] = {}
    for name, number, how in steps:
        {"work": story.work, "end": story.end}.get(name, lambda *_: None)(number, how)
        if name == "event":
            story.event(number)
        if name == "cancel":
            story.cancel()
        check(seed, made, len(asked))
        now = {item.item_no: item.status for item in items_of(seed, made)}
        assert all(now[no] == status for no, status in before.items() if status not in ("pending", "started"))
        before = now
    story.finish()
    counts, batch = check(seed, made, len(asked)), seed.records.batches.get(made.batch.batch_id)
    assert counts.open == 0
    assert batch.status == "completed" or any(name == "cancel" for name, *_ in steps)
    assert batch.status in ("completed", "canceled") and is_terminal(JOB, story.job().status)
    for item in items_of(seed, made):
        if item.job_id:
            job = seed.records.jobs.get(item.job_id)
            assert (item.status, item.error_code) == (job.status, job.error_code)
