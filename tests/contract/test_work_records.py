"""Jobs, moves, audit chain, outbox and idempotency keys on a real PostgreSQL."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.dispatch import PostgresDispatch
from shared.adapters.postgres.outbox import PostgresOutbox
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.postgres.trail import chain_hash, tenant_audit_key
from shared.domain.errors import Refused, Retryable
from shared.domain.jobs import Job
from tests.records import AUDIT_KEY, clock, ids, make_records, new_tenant, pool


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """Dispatch and relay take what they find of any tenant: these have a database of their own."""
    return own_databases


def queued_job(records: PostgresRecords, *, lane: str = "standard") -> Job:
    """Accept an ingest job and return it."""
    job = Job(
        job_id=ids.new("job"),
        tenant_id=records.actor.tenant_id,
        job_type="ingest_document",
        resource_type="document",
        resource_id=ids.new("doc"),
        lane=lane,
        deadline_at=clock.now() + timedelta(hours=5),
    )
    return records.jobs.accept(job, run_id=ids.new("run"))


class Bus:
    """A bus that keeps what it got, or refuses."""

    def __init__(self, *, down: bool = False) -> None:
        self.events: list[dict[str, Any]] = []
        self.down = down

    def send_all(self, events: Sequence[Mapping[str, Any]]) -> list[str]:
        if self.down:
            raise Retryable("DEPENDENCY_UNAVAILABLE")
        self.events += map(dict, events)
        return []


def test_a_move_that_the_table_does_not_list_changes_nothing(databases: Databases) -> None:
    records = make_records(databases)
    job = queued_job(records)
    with pytest.raises(Refused, match="cannot go from queued to succeeded"):
        records.moves.job(job, "succeeded")
    assert records.jobs.get(job.job_id) == job


def test_of_two_moves_from_the_same_row_one_wins(databases: Databases) -> None:
    records = make_records(databases)
    job = queued_job(records)
    records.moves.job(job, "running", claim_token="run_x")
    with pytest.raises(Refused) as refusal:
        records.moves.job(job, "canceled")
    assert refusal.value.code == "VERSION_CONFLICT"


def test_a_rolled_back_change_leaves_no_audit_and_no_event(databases: Databases) -> None:
    records = make_records(databases)
    with pytest.raises(ZeroDivisionError), records.transaction():
        queued_job(records)
        _ = 1 / 0
    assert records.session.rows("select * from jobs") == []
    assert records.session.rows("select * from outbox_events") == []
    assert records.session.rows("select * from audit_log") == []


def test_what_was_rolled_back_is_not_audited_by_the_next_transaction(databases: Databases) -> None:
    records = make_records(databases)
    with pytest.raises(ZeroDivisionError), records.transaction():
        records.trail.audit("lost", "job", "job_1")
        _ = 1 / 0
    with records.transaction():
        records.trail.audit("first", "job", "job_2")
        records.trail.audit("second", "job", "job_2")
    rows = records.session.rows("select seq, action from audit_log order by seq")
    assert [(row["seq"], row["action"]) for row in rows] == [(1, "first"), (2, "second")]


def test_the_audit_chain_verifies_and_shows_a_changed_entry(databases: Databases) -> None:
    records = make_records(databases)
    for _ in range(5):
        queued_job(records)
    rows = records.session.rows("select * from audit_log order by seq")
    key = tenant_audit_key(AUDIT_KEY, records.actor.tenant_id)
    assert [row["seq"] for row in rows] == [1, 2, 3, 4, 5]
    for before, row in zip([None, *rows], rows, strict=False):
        assert before is None or row["prev_hash"] == before["entry_hash"]
        assert chain_hash(key, row["prev_hash"], row["entry"]) == row["entry_hash"]
    forged = rows[2]["entry"] | {"actor_id": "usr_somebody_else"}
    assert chain_hash(key, rows[2]["prev_hash"], forged) != rows[2]["entry_hash"]


def test_the_application_can_neither_write_nor_change_the_audit_log(databases: Databases) -> None:
    records = make_records(databases)
    queued_job(records)
    for statement in ("update audit_log set action = 'x'", "delete from audit_log", "delete from audit_heads"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            records.session.execute(statement)


def test_ten_writers_keep_the_chain_without_gaps(databases: Databases) -> None:
    tenant = new_tenant(databases)
    with ThreadPoolExecutor(10) as threads:
        list(threads.map(lambda _: queued_job(make_records(databases, tenant)), range(40)))
    records = make_records(databases, tenant)
    assert [r["seq"] for r in records.session.rows("select seq from audit_log order by seq")] == list(range(1, 41))


def test_another_tenant_sees_nothing_and_cannot_write_into_it(databases: Databases) -> None:
    mine, theirs = make_records(databases), make_records(databases)
    job = queued_job(mine)
    with pytest.raises(Refused, match="Job not found"):
        theirs.jobs.get(job.job_id)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        theirs.session.execute(
            "insert into suppliers (tenant_id, supplier_id, code, name) values (%(t)s, 'sup_1', 'x', 'x')",
            t=mine.actor.tenant_id,
        )


def test_the_same_key_replays_and_another_body_conflicts(databases: Databases) -> None:
    records = make_records(databases)
    asked = {"actor_id": "usr_1", "route": "POST /x", "expires_at": clock.now() + timedelta(days=1)}
    with records.transaction():
        assert records.idempotency.begin("key-00001", fingerprint="a", **asked) is None
        records.idempotency.finish("key-00001", status=201, body={"n": 1})
    with records.transaction():
        assert records.idempotency.begin("key-00001", fingerprint="a", **asked) == {"status": 201, "body": {"n": 1}}
    with pytest.raises(Refused) as refusal, records.transaction():
        records.idempotency.begin("key-00001", fingerprint="b", **asked)
    assert refusal.value.code == "IDEMPOTENCY_CONFLICT"


def test_twenty_parallel_calls_with_one_key_make_one_job(databases: Databases) -> None:
    tenant = new_tenant(databases)
    asked = {"actor_id": "usr_1", "route": "POST /x", "fingerprint": "a", "expires_at": clock.now() + timedelta(days=1)}

    def post(_: int) -> str:
        records = make_records(databases, tenant)
        with records.transaction():
            known = records.idempotency.begin("key-00002", **asked)
            if known is not None:
                return str(known["body"]["job_id"])
            job = queued_job(records)
            records.idempotency.finish("key-00002", status=202, body={"job_id": job.job_id})
            return job.job_id

    with ThreadPoolExecutor(20) as threads:
        answers = set(threads.map(post, range(20)))
    assert len(answers) == 1
    assert len(make_records(databases, tenant).jobs.list(filters={}, before=None, limit=50)) == 1


def test_the_dispatcher_gives_each_job_once_and_the_quiet_tenant_first(databases: Databases) -> None:
    loud, quiet = make_records(databases), make_records(databases)
    lane = "bulk"
    for _ in range(6):
        queued_job(loud, lane=lane)
    late = queued_job(quiet, lane=lane)
    dispatch = PostgresDispatch(pool(databases.dispatch_url))
    first = dispatch.next_job(lane=lane, max_running=200)
    second = dispatch.next_job(lane=lane, max_running=200)
    assert first is not None and second is not None
    assert (first.tenant_id, second.job_id) == (loud.actor.tenant_id, late.job_id)
    rest = [dispatch.next_job(lane=lane, max_running=200) for _ in range(6)]
    taken = [j.job_id for j in (first, second, *rest) if j is not None]
    assert len(taken) == len(set(taken)) == 7


def test_the_dispatcher_reads_no_content(databases: Databases) -> None:
    for column in ("error", "cancel_reason"):
        with (
            pool(databases.dispatch_url).connection() as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(f"select {column} from jobs")
    with pool(databases.dispatch_url).connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select * from documents")


def test_an_event_is_published_once_and_waits_while_the_bus_is_down(databases: Databases) -> None:
    records = make_records(databases)
    job = queued_job(records)
    assert PostgresOutbox(pool(databases.relay_url), Bus(down=True)).publish_pending(limit=1000) == 0
    with psycopg.connect(databases.relay_url) as connection:
        connection.execute("update outbox_events set available_at = clock_timestamp()")
    bus = Bus()
    outbox = PostgresOutbox(pool(databases.relay_url), bus)
    outbox.publish_pending(limit=1000)
    outbox.publish_pending(limit=1000)
    mine = [e for e in bus.events if e["job_id"] == job.job_id]
    assert [e["event_type"] for e in mine] == ["job.queued"]
    assert mine[0]["tenant_id"] == records.actor.tenant_id


def test_run_events_count_without_gaps_under_parallel_writers(databases: Databases) -> None:
    records = make_records(databases)
    job = queued_job(records)
    run_id = records.jobs.newest_run(job.job_id).run_id
    tenant = records.actor.tenant_id

    def append(n: int) -> int:
        return make_records(databases, tenant).trail.run_event(run_id, "run.warning", stage=None, payload={"n": n})

    with ThreadPoolExecutor(8) as threads:
        numbers = sorted(threads.map(append, range(24)))
    assert numbers == list(range(1, 25))
    assert [e["seq"] for e in records.jobs.events(run_id, after=20, limit=100)] == [21, 22, 23, 24]


def test_no_job_fails_without_its_dead_letter(databases: Databases) -> None:
    records = make_records(databases)
    job = queued_job(records)
    with pytest.raises(psycopg.errors.CheckViolation):
        records.session.execute("update jobs set status = 'failed' where job_id = %(id)s", id=job.job_id)
    assert replace(records.jobs.get(job.job_id), row_version=1) == job
