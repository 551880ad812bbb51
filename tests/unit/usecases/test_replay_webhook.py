"""ReplayWebhook on a real database (spec A126, A137)."""

from datetime import timedelta
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.replay_webhook import ReplayedWebhook, ReplayWebhook, replay_webhook
from tests.records import clock, ids, make_records
from tests.webhooks import deliveries, new_webhook, send, tell


def replay(records: Any, endpoint_id: str, **options: Any) -> ReplayedWebhook:
    return replay_webhook(ReplayWebhook(endpoint_id=endpoint_id, **options), records=records, ids=ids, clock=clock)


def test_a_replay_keeps_the_event_id_and_has_a_new_delivery_id(databases: Databases) -> None:
    records = make_records(databases)
    made, receiver = new_webhook(records)
    event_id = tell(records)
    send(databases, receiver)
    (first,) = deliveries(records, made)
    again = replay(records, made.webhook.endpoint_id, delivery_id=first.delivery_id)
    send(databases, receiver)
    sent = [(headers["Bidproof-Event-Id"], headers["Bidproof-Delivery-Id"]) for headers, _ in receiver.got]
    assert sent == [(event_id, first.delivery_id), (event_id, again.delivery_id)]
    assert first.delivery_id != again.delivery_id
    assert receiver.got[0][1] == receiver.got[1][1]


def test_a_span_sends_what_happened_in_it_again(databases: Databases) -> None:
    records = make_records(databases)
    made, _ = new_webhook(records, "job.queued", "job.failed")
    first, second = tell(records), tell(records)
    tell(records, "job.failed")
    now = clock.now()
    span = {"since": now - timedelta(days=7) + timedelta(hours=1), "until": now + timedelta(hours=1)}
    assert replay(records, made.webhook.endpoint_id, event_types=["job.queued"], **span).noted == 2
    again = [d for d in deliveries(records, made) if d.replay_of]
    assert sorted(d.event_id for d in again) == sorted([first, second])


@pytest.mark.parametrize(("begin", "end"), [(8, 0), (31, 29), (1, 1), (1, 2)])
def test_a_span_over_a_week_or_older_than_a_month_is_refused(databases: Databases, begin: int, end: int) -> None:
    records = make_records(databases)
    made, _ = new_webhook(records)
    now = clock.now()
    with pytest.raises(Refused) as refused:
        replay(
            records,
            made.webhook.endpoint_id,
            event_types=["job.queued"],
            since=now - timedelta(days=begin),
            until=now - timedelta(days=end),
        )
    assert refused.value.code == "REQ_VALIDATION_FAILED" and deliveries(records, made) == []


def test_a_test_event_goes_to_the_endpoint_that_asked(databases: Databases) -> None:
    records = make_records(databases)
    made, receiver = new_webhook(records)
    other, _ = new_webhook(records)
    assert replay(records, made.webhook.endpoint_id).noted == 1
    send(databases, receiver)
    assert [d.event_type for d in deliveries(records, made, status="delivered")] == ["webhook.tested"]
    assert deliveries(records, other) == []


def test_a_disabled_endpoint_replays_nothing(databases: Databases) -> None:
    records = make_records(databases)
    made, _ = new_webhook(records)
    records.session.execute("update webhook_endpoints set status = 'disabled'")
    with pytest.raises(Refused) as refused:
        replay(records, made.webhook.endpoint_id)
    assert refused.value.code == "WF_STATE_TRANSITION_INVALID"
