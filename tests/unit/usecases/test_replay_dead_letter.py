"""A replay sends the same event to the same consumer and is over when that succeeds (W105, D106)."""

from collections.abc import Mapping
from typing import Any

import pytest

from infra.local.events import QUEUES
from infra.local.postgres import Databases
from shared.domain.dead_letters import queue_of
from shared.domain.errors import Refused, Retryable
from shared.domain.events import consumer_of
from shared.usecases.replay_dead_letter import ReplayDeadLetter, replay_dead_letter
from tests.dead_letters import a_message, an_admin, failed
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


@pytest.mark.parametrize(
    ("consumer", "queue"),
    [("start_work", "work-bulk"), ("deliver_wait", "deliver-wait"), ("stop_execution", "stop-execution")],
)
def test_the_envelope_goes_to_the_queue_of_its_consumer(databases: Databases, consumer: str, queue: str) -> None:
    records, sent = an_admin(databases), Sent()
    dlq_id = a_message(records, consumer=consumer, lane="bulk")
    for count in (1, 2):
        item = replay_dead_letter(ReplayDeadLetter(dlq_id=dlq_id, reason="x"), records=records, queue=sent)
        assert (item.status, item.replay_count, item.replayed_by) == ("open", count, records.actor.actor_id)
    assert sent.messages == [(queue, records.dead_letters.get(dlq_id).payload)] * 2


def test_the_consumers_success_resolves_a_replayed_item_and_no_other(databases: Databases) -> None:
    records, sent = an_admin(databases), Sent()
    replayed, left = a_message(records, consumer="deliver_wait"), a_message(records, consumer="deliver_wait")
    item = replay_dead_letter(ReplayDeadLetter(dlq_id=replayed, reason="x"), records=records, queue=sent)
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
    item = replay_dead_letter(ReplayDeadLetter(dlq_id=dlq_id, reason="x"), records=records, queue=sent)
    assert (item.status, item.replay_count, sent.messages) == ("requeued", 1, [])


def test_an_event_that_never_reached_the_bus_is_put_there(databases: Databases) -> None:
    records, sent = an_admin(databases), Sent()
    dlq_id = a_message(records, consumer="relay_outbox")
    item = replay_dead_letter(ReplayDeadLetter(dlq_id=dlq_id, reason="x"), records=records, queue=sent)
    assert (item.status, sent.messages) == ("requeued", [("events", item.payload)])


def test_without_a_queue_nothing_is_counted(databases: Databases) -> None:
    records = an_admin(databases)
    dlq_id = a_message(records)
    with pytest.raises(Retryable):
        replay_dead_letter(ReplayDeadLetter(dlq_id=dlq_id, reason="x"), records=records, queue=Sent(down=True))
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
        replay_dead_letter(ReplayDeadLetter(dlq_id=dlq_id, reason="x"), records=records, queue=Sent())
    assert refusal.value.code == "DLQ_REPLAY_CONFLICT"
