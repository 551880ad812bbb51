"""Whose job starts next: slots per tenant, shares of the lanes, turns, deadlines (W17, W121, W122; F30)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.dispatch import PostgresDispatch
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.executions import LANE_WEIGHTS, LANES, Startable, has_slot
from shared.domain.jobs import DEADLINES, Job
from tests.records import clock, ids, make_records, new_tenant, pool


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """The queue is one for all tenants: nobody else's jobs are in it, nor canceled by `end_all`."""
    return own_databases


@pytest.fixture
def dispatch(databases: Databases) -> Iterator[PostgresDispatch]:
    """The queue with nothing of other tests in it; nothing of this one is left to them."""
    end_all(databases)
    yield PostgresDispatch(pool(databases.dispatch_url))
    end_all(databases)


def end_all(databases: Databases) -> None:
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("alter table jobs no force row level security")
        connection.execute("update jobs set status = 'canceled' where status in ('queued', 'running', 'retrying')")
        connection.execute("alter table jobs force row level security")


def tenant(databases: Databases, *, tier: str = "enterprise") -> PostgresRecords:
    return make_records(databases, new_tenant(databases, tier=tier))


def queue(
    records: PostgresRecords, *, lane: str = "standard", priority: int = 5, job_type: str = "evaluate_bid"
) -> Job:
    job = Job(
        job_id=ids.new("job"),
        tenant_id=records.actor.tenant_id,
        job_type=job_type,
        resource_type="evaluation",
        resource_id=ids.new("evl"),
        lane=lane,
        priority=priority,
        deadline_at=clock.now() + DEADLINES[job_type],
    )
    return records.jobs.accept(job, run_id=ids.new("run"))


def taken(dispatch: PostgresDispatch, *, lane: str = "standard", max_running: int = 200) -> list[Startable]:
    found = []
    while job := dispatch.next_job(lane=lane, max_running=max_running):
        found.append(job)
    return found


def test_f30_a_small_tenant_is_served_between_the_jobs_of_a_flood(
    databases: Databases, dispatch: PostgresDispatch
) -> None:
    loud, quiet = tenant(databases), tenant(databases)
    for _ in range(60):
        queue(loud)
    few = {queue(quiet).job_id for _ in range(5)}
    order = [dispatch.next_job(lane="standard", max_running=200) for _ in range(12)]
    assert few <= {job.job_id for job in order if job is not None}


def test_a_tenant_gets_the_slots_of_its_plan_and_no_more(databases: Databases, dispatch: PostgresDispatch) -> None:
    free = tenant(databases, tier="free")
    jobs = [queue(free) for _ in range(5)]
    assert len(taken(dispatch)) == 2
    free.moves.job(free.jobs.get(jobs[0].job_id), "canceled")
    assert len(taken(dispatch)) == 1


def test_who_waits_for_a_person_takes_no_slot(databases: Databases, dispatch: PostgresDispatch) -> None:
    free = tenant(databases, tier="free")
    for _ in range(4):
        queue(free)
    for job in taken(dispatch):
        free.moves.job(free.jobs.get(job.job_id), "running", claim_token=job.run_id)
        free.jobs.set_waiting(job.job_id, "review")
    assert len(taken(dispatch)) == 2


def test_inside_a_tenant_priority_counts_one_per_minute_waited(
    databases: Databases, dispatch: PostgresDispatch
) -> None:
    records = tenant(databases)
    old = queue(records, priority=1)
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (records.actor.tenant_id,))
        connection.execute("update jobs set turn = turn - 6 * 60 + 12 * 60 where job_id = %s", (old.job_id,))
    urgent, usual = queue(records, priority=9), queue(records, priority=5)
    assert [job.job_id for job in taken(dispatch)] == [urgent.job_id, old.job_id, usual.job_id]


def test_the_tenant_served_longest_ago_comes_first_among_equals(
    databases: Databases, dispatch: PostgresDispatch
) -> None:
    tenants = [tenant(databases) for _ in range(3)]
    for records in tenants:
        queue(records)
    first_round = [job.tenant_id for job in taken(dispatch)]
    for records in tenants:
        for job in records.jobs.list(filters={}, before=None, limit=5):
            records.moves.job(job, "canceled")
        queue(records)
    assert [job.tenant_id for job in taken(dispatch)] == first_round


def test_a_job_past_its_deadline_of_a_suspended_tenant_or_without_a_machine_is_not_started(
    databases: Databases, dispatch: PostgresDispatch
) -> None:
    records, suspended = tenant(databases), tenant(databases)
    late, _task, _other = queue(records), queue(records, job_type="export"), queue(suspended)
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (records.actor.tenant_id,))
        connection.execute("update jobs set deadline_at = clock_timestamp() where job_id = %s", (late.job_id,))
        connection.execute("select set_config('app.tenant_id', %s, true)", (suspended.actor.tenant_id,))
        connection.execute("update tenants set status = 'suspended' where tenant_id = %s", (suspended.actor.tenant_id,))
    assert taken(dispatch) == []


def test_many_starters_take_every_job_once_and_never_exceed_the_cap(
    databases: Databases, dispatch: PostgresDispatch
) -> None:
    records = [tenant(databases) for _ in range(4)]
    for each in records:
        for _ in range(10):
            queue(each)
    with ThreadPoolExecutor(8) as starters:
        rounds = list(starters.map(lambda _: taken(dispatch, max_running=25), range(8)))
    jobs = [job.job_id for found in rounds for job in found]
    assert len(jobs) == len(set(jobs)) == 25


def test_lanes_share_six_three_one_when_all_are_full(databases: Databases, dispatch: PostgresDispatch) -> None:
    for _ in range(3):
        records = tenant(databases)
        for lane in LANES:
            for _ in range(20):
                queue(records, lane=lane)
    started = {lane: len(taken(dispatch, lane=lane, max_running=20)) for lane in reversed(LANES)}
    assert started == {"interactive": 12, "standard": 6, "bulk": 2}


def test_an_unused_share_flows_on_and_a_full_lane_gets_nothing() -> None:
    assert has_slot("bulk", {"bulk": 100}, {"bulk"}, max_running=200)
    assert not has_slot("bulk", {"bulk": 100}, {"bulk", "interactive"}, max_running=200)
    assert has_slot("interactive", {"bulk": 100}, {"bulk", "interactive"}, max_running=200)
    assert not has_slot("interactive", {"bulk": 200}, {"interactive"}, max_running=200)
    assert sum(LANE_WEIGHTS.values()) == 10
