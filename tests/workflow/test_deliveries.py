"""Queues, bus and schedules of one machine."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from infra.local.deliveries import deliver_next, register_schedules, run_schedule
from infra.local.events import QUEUES, routes
from infra.local.worker import MESSAGE_THREADS, Worker
from shared.adapters.local_queue import LocalBus, LocalQueue
from tests.workflow.conftest import PATIENCE, Direct, Shop, until


@pytest.fixture
def connection(idle_shop: Shop) -> Iterator[psycopg.Connection[Any]]:
    """A worker's connection, without a worker."""
    with psycopg.connect(idle_shop.url, autocommit=True) as made:
        yield made


def deliver(shop: Shop, connection: psycopg.Connection[Any], **queues: str) -> bool:
    return deliver_next(connection, shop.resolve, queues)


def make_due(connection: psycopg.Connection[Any]) -> None:
    connection.execute("update local_platform.messages set available_at = clock_timestamp()")


def nobody_delivers(connection: psycopg.Connection[Any]) -> bool:
    held = """select from pg_locks where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())"""
    return connection.execute(held).rowcount == 0


def row(connection: psycopg.Connection[Any]) -> Any:
    return connection.execute("select receive_count, dead, last_error from local_platform.messages").fetchone()


def test_a_consumer_gets_the_shape_of_sqs_and_the_message_is_gone(
    idle_shop: Shop, connection: psycopg.Connection[Any]
) -> None:
    got: list[Any] = []

    def consume(event: Any, _context: Any) -> dict[str, Any]:
        got.append(event)
        return {"batchItemFailures": []}

    idle_shop.functions["consume"] = consume
    LocalQueue(Direct(idle_shop.url)).send("q", {"n": 1})
    assert deliver(idle_shop, connection, q="consume")
    assert [json.loads(record["body"]) for record in got[0]["Records"]] == [{"n": 1}]
    assert got[0]["Records"][0]["messageId"]
    assert not deliver(idle_shop, connection, q="consume")
    assert row(connection) is None


@pytest.mark.parametrize("way", ["raises", "reports"])
def test_a_failed_message_comes_five_times_and_then_is_dead(
    idle_shop: Shop, connection: psycopg.Connection[Any], way: str
) -> None:
    calls: list[int] = []

    def consume(event: Any, _context: Any) -> Any:
        calls.append(1)
        if way == "raises":
            raise ValueError("no")
        return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}

    idle_shop.functions["consume"] = consume
    LocalQueue(Direct(idle_shop.url)).send("q", {})
    for delivery in range(1, 6):
        assert deliver(idle_shop, connection, q="consume")
        assert row(connection)[:2] == (delivery, delivery == 5)
        assert not deliver(idle_shop, connection, q="consume"), "a failed message waits"
        make_due(connection)
    assert not deliver(idle_shop, connection, q="consume")
    assert len(calls) == 5
    assert row(connection)[2]


def test_a_delivery_that_kills_its_worker_counts_and_the_message_is_free_at_once(
    idle_shop: Shop, connection: psycopg.Connection[Any]
) -> None:
    calls: list[int] = []
    idle_shop.functions["record_dead_message"] = lambda event, _: calls.append(len(event["Records"]))
    LocalQueue(Direct(idle_shop.url)).send("q", {"n": 1})
    queues = {"q": "consume", "q-dead": "record_dead_message"}

    with psycopg.connect(idle_shop.url, autocommit=True) as watching:
        for delivery in range(1, 6):
            until(lambda: nobody_delivers(connection) or None)  # the server hears a moment later that a client is gone
            killed = psycopg.connect(idle_shop.url, autocommit=True)

            def die(_event: Any, _context: Any, *, killed: Any = killed) -> None:
                assert not deliver(idle_shop, watching, **queues), "nobody else gets it meanwhile"
                killed.close()

            idle_shop.functions["consume"] = die
            with pytest.raises(psycopg.OperationalError):
                deliver(idle_shop, killed, **queues)
            assert row(connection)[:2] == (delivery, False)

    def refuse(_event: Any, _context: Any) -> None:
        raise AssertionError("a sixth delivery")

    idle_shop.functions["consume"] = refuse
    until(lambda: deliver(idle_shop, connection, **queues) or None)
    assert connection.execute("select queue, receive_count from local_platform.messages").fetchall() == [("q-dead", 0)]
    assert deliver(idle_shop, connection, **queues)
    assert calls == [1]
    assert row(connection) is None


def test_a_message_whose_dead_letter_cannot_be_written_stays_with_its_reason(
    idle_shop: Shop, connection: psycopg.Connection[Any]
) -> None:
    def fail(event: Any, _context: Any) -> Any:
        return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}

    idle_shop.functions |= {"consume": fail, "record_dead_message": fail}
    LocalQueue(Direct(idle_shop.url)).send("q", {"no": "tenant"})
    for _ in range(10):
        assert deliver(idle_shop, connection, **{"q": "consume", "q-dead": "record_dead_message"})
        make_due(connection)
    assert not deliver(idle_shop, connection, **{"q": "consume", "q-dead": "record_dead_message"})
    assert row(connection) == (5, True, "reported by record_dead_message")


def test_a_message_carries_queue_and_tenant_as_sqs_would(idle_shop: Shop, connection: psycopg.Connection[Any]) -> None:
    got: list[Any] = []
    idle_shop.functions["consume"] = lambda event, _: got.extend(event["Records"])
    LocalQueue(Direct(idle_shop.url)).send("q", {"tenant_id": "ten_1"})
    assert deliver(idle_shop, connection, q="consume")
    assert got[0]["messageAttributes"]["tenant_id"]["stringValue"] == "ten_1"
    assert got[0]["eventSourceARN"].endswith(":q")
    assert got[0]["attributes"]["ApproximateReceiveCount"] == "1"


def test_a_slow_schedule_does_not_hold_up_the_relay(idle_shop: Shop) -> None:
    relayed, sweeping, done = threading.Semaphore(0), threading.Event(), threading.Event()

    def sweep(_event: Any, _context: Any) -> None:
        sweeping.set()
        assert done.wait(PATIENCE)

    idle_shop.functions |= {"sweep": sweep, "relay_outbox": lambda _event, _context: relayed.release()}
    schedules = {"sweep": 3600.0, "relay_outbox": 3600.0}
    worker = Worker(idle_shop.url, resolve=idle_shop.resolve, queues={}, schedules=schedules)
    worker.start()
    assert sweeping.wait(PATIENCE)
    assert relayed.acquire(timeout=PATIENCE)
    with psycopg.connect(idle_shop.url) as made:
        made.execute("select pg_notify('bidproof_outbox', '')")
    assert relayed.acquire(timeout=PATIENCE), "nudged while the sweep still runs"
    done.set()
    assert worker.stop()


def test_a_stopping_worker_takes_no_further_message_and_no_schedule(idle_shop: Shop) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()
    calls: list[str] = []

    def consume(_event: Any, _context: Any) -> None:
        calls.append("message")
        begun.release()
        assert go_on.wait(PATIENCE)

    idle_shop.functions |= {"consume": consume, "sweep": lambda _event, _context: calls.append("schedule")}
    for number in range(4):
        LocalQueue(Direct(idle_shop.url)).send("q", {"n": number})
    worker = Worker(idle_shop.url, resolve=idle_shop.resolve, queues={"q": "consume"}, schedules={})
    worker.start()
    for _ in range(MESSAGE_THREADS):
        assert begun.acquire(timeout=PATIENCE)
    assert not worker.stop(0.1), "all of its threads are at work"
    with psycopg.connect(idle_shop.url) as made:
        made.execute("insert into local_platform.schedules (function, every_seconds) values ('sweep', 1)")
    go_on.set()
    assert worker.stop()
    assert calls == ["message"] * MESSAGE_THREADS
    with psycopg.connect(idle_shop.url) as made:
        left = made.execute("select count(*) from local_platform.messages").fetchone()
    assert left is not None
    assert left[0] == 4 - MESSAGE_THREADS > 0


def test_a_message_of_an_unknown_queue_stays(idle_shop: Shop, connection: psycopg.Connection[Any]) -> None:
    LocalQueue(Direct(idle_shop.url)).send("nobody", {})
    assert not deliver(idle_shop, connection, q="consume")
    assert row(connection)[0] == 0


def test_the_bus_copies_an_event_to_its_consumers(idle_shop: Shop, connection: psycopg.Connection[Any]) -> None:
    got: list[str] = []
    for name in set(QUEUES.values()):
        idle_shop.functions[name] = lambda event, context: got.append(context.function_name)
    LocalBus(Direct(idle_shop.url)).send_all([{"event_type": "job.canceled", "payload": {}}])
    while deliver_next(connection, idle_shop.resolve, QUEUES):
        pass
    assert sorted(got) == ["deliver_wait", "deliver_webhook", "start_work", "stop_execution"]
    assert row(connection) is None


@pytest.mark.parametrize(
    ("event", "queues"),
    [
        ({"event_type": "job.queued", "payload": {"lane": "bulk"}}, ["work-bulk"]),
        ({"event_type": "job.queued", "payload": {}}, ["work-standard"]),
        ({"event_type": "job.queued", "payload": {"lane": "bulk", "job_type": "export"}}, ["tasks-bulk"]),
        ({"event_type": "job.succeeded", "payload": {"job_type": "export"}}, ["work-standard"]),
        ({"event_type": "review.submitted", "payload": {}}, ["deliver-wait"]),
        ({"event_type": "document.indexed", "payload": {}}, []),
    ],
)
def test_events_have_their_queues(event: dict[str, Any], queues: list[str]) -> None:
    assert [queue for queue in routes(event) if queue != "deliver-webhook"] == queues
    assert set(queues) <= set(QUEUES)


def test_a_schedule_runs_when_due_and_when_nudged(idle_shop: Shop, connection: psycopg.Connection[Any]) -> None:
    calls: list[str] = []
    idle_shop.functions["relay"] = lambda event, _: calls.append(event["detail"]["function"])
    register_schedules(connection, {"relay": 3600})
    assert run_schedule(connection, idle_shop.resolve)
    assert not run_schedule(connection, idle_shop.resolve)
    assert run_schedule(connection, idle_shop.resolve, ["relay"])
    assert calls == ["relay", "relay"]


def test_a_nudged_schedule_goes_before_one_that_is_due(idle_shop: Shop, connection: psycopg.Connection[Any]) -> None:
    calls: list[str] = []
    for name in ("sweep", "relay"):
        idle_shop.functions[name] = lambda event, _: calls.append(event["detail"]["function"])
    register_schedules(connection, {"sweep": 3600, "relay": 3600})
    connection.execute("update local_platform.schedules set due_at = clock_timestamp() - interval '1 hour'")
    connection.execute(
        "update local_platform.schedules set due_at = clock_timestamp() + interval '1 hour' where function = 'relay'"
    )
    assert run_schedule(connection, idle_shop.resolve, ["relay"])
    assert run_schedule(connection, idle_shop.resolve)
    assert calls == ["relay", "sweep"]


def test_a_failed_schedule_is_noted_and_stays(idle_shop: Shop, connection: psycopg.Connection[Any]) -> None:
    def fail(_event: Any, _context: Any) -> None:
        raise ValueError("no")

    idle_shop.functions["relay"] = fail
    register_schedules(connection, {"relay": 3600})
    assert run_schedule(connection, idle_shop.resolve)
    noted = connection.execute("select last_error, due_at > clock_timestamp() from local_platform.schedules").fetchone()
    assert noted is not None
    assert "ValueError" in noted[0]
    assert noted[1]


def test_a_schedule_no_longer_wanted_is_gone(connection: psycopg.Connection[Any]) -> None:
    register_schedules(connection, {"old": 1, "relay": 1})
    register_schedules(connection, {"relay": 2})
    rows = connection.execute("select function, every_seconds from local_platform.schedules").fetchall()
    assert rows == [("relay", 2.0)]


def test_a_new_outbox_event_wakes_the_relay(idle_shop: Shop) -> None:
    calls = threading.Semaphore(0)
    idle_shop.functions["relay_outbox"] = lambda _event, _context: calls.release()
    worker = Worker(idle_shop.url, resolve=idle_shop.resolve, queues={}, schedules={"relay_outbox": 3600.0})
    worker.start()
    assert calls.acquire(timeout=PATIENCE), "the first call is due at once"
    with psycopg.connect(idle_shop.url) as made:
        made.execute("select pg_notify('bidproof_outbox', '')")
    assert calls.acquire(timeout=PATIENCE)
    assert worker.stop()
