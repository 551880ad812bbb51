"""A message that its consumer gave up on becomes one open dead letter, which tells of itself once (W103)."""

from typing import Any

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.usecases.record_dead_message import RecordDeadMessage, record_dead_message
from tests.records import ids, make_records


def an_envelope(records: PostgresRecords, event_type: str = "review.submitted") -> dict[str, Any]:
    """An event of the tenant, as a consumer got it."""
    event_id = ids.new("evt")
    return {"event_id": event_id, "event_type": event_type, "tenant_id": records.actor.tenant_id, "payload": {}}


def recorded(records: PostgresRecords, event: dict[str, Any]) -> str:
    command = RecordDeadMessage(event=event, queue="deliver-wait-dead")
    return record_dead_message(command, records=records, ids=ids).dlq_id


def told(records: PostgresRecords) -> int:
    return len(records.session.rows("select 1 from outbox_events where event_type = 'dlq.recorded'"))


def test_a_dead_message_is_one_open_item_with_its_envelope(databases: Databases) -> None:
    records = make_records(databases)
    event = an_envelope(records)
    dlq_id = recorded(records, event)
    assert recorded(records, event) == dlq_id, "the message came again after the commit"
    item = records.dead_letters.get(dlq_id)
    assert (item.kind, item.status, item.event_id, item.consumer) == (
        "message",
        "open",
        event["event_id"],
        "deliver_wait",
    )
    assert item.payload == event
    assert told(records) == 1


def test_the_dead_letter_of_a_dead_letters_event_does_not_tell_of_itself(databases: Databases) -> None:
    records = make_records(databases)
    recorded(records, an_envelope(records, "dlq.recorded"))
    assert told(records) == 0
