"""A replay sends the same event to the same consumer and is over when that succeeds (W105, D106)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
import pytest

from infra.local.events import QUEUES
from infra.local.postgres import Databases
from shared.adapters.postgres.outbox import PostgresOutbox
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.dead_letters import DeadLetter, queue_of
from shared.domain.errors import Refused, Retryable
from shared.domain.events import consumer_of
from shared.usecases.replay_dead_letter import ReplayDeadLetter, replay_dead_letter
from tests.dead_letters import a_message, an_admin, failed
from tests.records import pool
from tests.rows import a_document, an_ingest_job


@pytest.mark.parametrize("queue", [name for name in QUEUES if not name.endswith("-dead")])
def test_every_queue_of_the_product_is_found_again_from_its_consumer(queue: str) -> None:
    assert consumer_of(queue) == QUEUES[queue]
    assert queue_of(consumer_of(queue), {"payload": {"lane": queue.partition("-")[2]}}) == queue


class Sent:
    """A queue that keeps what it got, or is out."""

    def __init__(self, *, down: bool = False) -> None:
        self.messages: list[tuple[str, Mapping[str, Any]]] = []
        self.down = down

    def send(self, queue: str, message: Mapping[str, Any]) -> None:
        """Keep the message."""
        if self.down:
            raise Retryable("DEPENDENCY_UNAVAILABLE")
        self.messages.append((queue, message))


class NoRelay:
    """An outbox that nobody may ask."""

    def again(self, tenant_id: str, event_id: str) -> bool:
        """Fails the test."""
        raise AssertionError("only what never reached the bus goes back to the outbox")

    def publish_pending(self, *, limit: int) -> int:
        """Fails the test."""
        raise AssertionError("a replay does not publish")

    def oldest_pending_seconds(self) -> float:
        """Fails the test."""
        raise AssertionError("a replay does not measure")


class Bus:
    """A bus that refuses everything while `refuses`, and keeps what it took."""

    def __init__(self) -> None:
        self.refuses, self.taken = True, list[Mapping[str, Any]]()

    def send_all(self, events: Sequence[Mapping[str, Any]]) -> Sequence[str]:
        """Take or refuse."""
        if self.refuses:
            return [str(event["event_id"]) for event in events]
        self.taken += events
        return []


@pytest.mark.parametrize(
    ("consumer", "queue"),
    [("start_work", "work-bulk"), ("deliver_wait", "deliver-wait"), ("stop_execution", "stop-execution")],
)
def test_the_envelope_goes_to_the_queue_of_its_consumer(databases: Databases, consumer: str, queue: str) -> None:
    records, sent = an_admin(databases), Sent()
    dlq_id = a_message(records, consumer=consumer, lane="bulk")
    for count in (1, 2):
        item = replay_dead_letter(
            ReplayDeadLetter(dlq_id=dlq_id, reason="x"), records=records, queue=sent, outbox=NoRelay()
        )
        assert (item.status, item.replay_count, item.replayed_by) == ("open", count, records.actor.actor_id)
    assert sent.messages == [(queue, records.dead_letters.get(dlq_id).payload)] * 2


def test_the_consumers_success_resolves_a_replayed_item_and_no_other(databases: Databases) -> None:
    records, sent = an_admin(databases), Sent()
    replayed, left = a_message(records, consumer="deliver_wait"), a_message(records, consumer="deliver_wait")
    item = replay_dead_letter(
        ReplayDeadLetter(dlq_id=replayed, reason="x"), records=records, queue=sent, outbox=NoRelay()
    )
    records.trail.consume(item.event_id or "", "stop_execution")
    assert records.dead_letters.get(replayed).status == "open"
    records.trail.consume(item.event_id or "", "deliver_wait")
    records.trail.consume(records.dead_letters.get(left).event_id or "", "deliver_wait")
    assert records.dead_letters.get(replayed).status == "requeued"
    assert records.dead_letters.get(left).status == "open"


def test_an_event_that_was_consumed_after_all_is_not_sent_again(databases: Databases) -> None:
    records, sent = an_admin(databases), Sent()
    dlq_id = a_message(records, consumer="deliver_wait")
    records.trail.consume(records.dead_letters.get(dlq_id).event_id or "", "deliver_wait")
    item = replay_dead_letter(
        ReplayDeadLetter(dlq_id=dlq_id, reason="x"), records=records, queue=sent, outbox=NoRelay()
    )
    assert (item.status, item.replay_count, sent.messages) == ("requeued", 1, [])


def given_up(databases: Databases, records: PostgresRecords, outbox: PostgresOutbox) -> DeadLetter:
    """The dead letter of an event that the bus refused five times."""
    event_id = records.trail.publish("job.queued", ("job", "job_x", 1), {"job_id": "job_x", "lane": "bulk"})
    for _ in range(5):
        outbox.publish_pending(limit=1000)
        let_it_be_due(databases, event_id)
    (item,) = records.dead_letters.list(filters={"kind": "message"}, before=None, limit=9)
    assert (item.event_id, item.consumer, item.status) == (event_id, "relay_outbox", "open")
    assert state_of(records, event_id) == "failed"
    return item


def let_it_be_due(databases: Databases, event_id: str) -> None:
    with psycopg.connect(databases.relay_url) as connection:
        connection.execute("update outbox_events set available_at = clock_timestamp() where event_id = %s", (event_id,))


def same(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The envelope with its time read: the database writes no zeros at the end of it."""
    return {**envelope, "occurred_at": datetime.fromisoformat(envelope["occurred_at"])}


def state_of(records: PostgresRecords, event_id: str) -> str:
    rows = records.session.rows("select status from outbox_events where event_id = %(id)s", id=event_id)
    return str(rows[0]["status"])


def test_an_event_that_never_reached_the_bus_goes_back_to_the_outbox_and_is_published(
    own_databases: Databases,
) -> None:
    records, sent, bus = an_admin(own_databases), Sent(), Bus()
    outbox = PostgresOutbox(pool(own_databases.relay_url), bus)
    item = given_up(own_databases, records, outbox)
    bus.refuses = False
    outbox.publish_pending(limit=1000)
    assert item.event_id not in {event["event_id"] for event in bus.taken}
    done = replay_dead_letter(
        ReplayDeadLetter(dlq_id=item.dlq_id, reason="x"), records=records, queue=sent, outbox=outbox
    )
    assert (done.status, done.replay_count, sent.messages) == ("requeued", 1, [])
    assert state_of(records, str(item.event_id)) == "pending"
    outbox.publish_pending(limit=1000)
    taken = [event for event in bus.taken if event["event_id"] == item.event_id]
    assert [same(event) for event in taken] == [same(item.payload or {})], "the same event, once"
    assert state_of(records, str(item.event_id)) == "published"


def test_an_event_that_is_refused_again_is_an_open_dead_letter_again(own_databases: Databases) -> None:
    records, bus = an_admin(own_databases), Bus()
    outbox = PostgresOutbox(pool(own_databases.relay_url), bus)
    item = given_up(own_databases, records, outbox)
    command = ReplayDeadLetter(dlq_id=item.dlq_id, reason="x")
    replay_dead_letter(command, records=records, queue=Sent(), outbox=outbox)
    for _ in range(5):
        assert records.dead_letters.get(item.dlq_id).status == "requeued", "all five tries are there again"
        let_it_be_due(own_databases, str(item.event_id))
        outbox.publish_pending(limit=1000)
    assert records.dead_letters.get(item.dlq_id).status == "open"
    assert replay_dead_letter(command, records=records, queue=Sent(), outbox=outbox).replay_count == 2


def test_an_event_that_is_not_kept_any_more_cannot_be_replayed(databases: Databases) -> None:
    records = an_admin(databases)
    dlq_id = a_message(records, consumer="relay_outbox")
    outbox = PostgresOutbox(pool(databases.relay_url), Bus())
    with pytest.raises(Refused) as refusal:
        replay_dead_letter(ReplayDeadLetter(dlq_id=dlq_id, reason="x"), records=records, queue=Sent(), outbox=outbox)
    assert refusal.value.code == "DLQ_REPLAY_CONFLICT"
    assert records.dead_letters.get(dlq_id).status == "open"


def test_without_a_queue_nothing_is_counted(databases: Databases) -> None:
    records = an_admin(databases)
    dlq_id = a_message(records)
    with pytest.raises(Retryable):
        replay_dead_letter(
            ReplayDeadLetter(dlq_id=dlq_id, reason="x"), records=records, queue=Sent(down=True), outbox=NoRelay()
        )
    assert records.dead_letters.get(dlq_id).replay_count == 0


def test_a_message_that_dies_twice_is_one_dead_letter(databases: Databases) -> None:
    records = an_admin(databases)
    first = records.dead_letters.get(a_message(records))
    error = {"code": "DEPENDENCY_UNAVAILABLE", "class": "transient"}
    again = records.dead_letters.add_message(
        dlq_id="dlq_other", consumer="start_work", envelope=first.payload or {}, error=error
    )
    assert again == first.dlq_id


def test_the_dead_letter_of_a_job_cannot_be_replayed(databases: Databases) -> None:
    records = an_admin(databases)
    dlq_id = failed(records, an_ingest_job(records, a_document(records)))
    with pytest.raises(Refused) as refusal:
        replay_dead_letter(ReplayDeadLetter(dlq_id=dlq_id, reason="x"), records=records, queue=Sent(), outbox=NoRelay())
    assert refusal.value.code == "DLQ_REPLAY_CONFLICT"
