"""SendDueWebhooks on a real database: attempts, delays, dead deliveries, disabled endpoints (spec A136, A137)."""

import json

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import CodedError, Refused, Retryable
from shared.domain.events import is_envelope
from shared.domain.webhooks import signature_header
from tests.records import make_records
from tests.webhooks import deliveries, make_due, new_webhook, send, tell


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """The schedule sends for all tenants, and here its attempts are counted: a database of their own."""
    return own_databases


def test_a_receiver_gets_the_signed_envelope_once(databases: Databases) -> None:
    records = make_records(databases)
    made, receiver = new_webhook(records)
    event_id = tell(records)
    send(databases, receiver)
    send(databases, receiver)
    ((headers, body),) = receiver.got
    (delivery,) = deliveries(records, made)
    assert is_envelope(json.loads(body)) and json.loads(body)["event_id"] == event_id
    assert headers["Bidproof-Event-Id"] == event_id and headers["Bidproof-Delivery-Id"] == delivery.delivery_id
    unix = int(headers["Bidproof-Signature"].partition(",")[0].removeprefix("t="))
    assert headers["Bidproof-Signature"] == signature_header([made.secret], unix, body)
    assert (delivery.status, delivery.http_status, delivery.attempt) == ("delivered", 200, 1)


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (500, 500, None),
        (301, 301, None),
        (404, 404, None),
        (Retryable("DEPENDENCY_TIMEOUT"), None, "DEPENDENCY_TIMEOUT"),
        (Refused("WEBHOOK_URL_FORBIDDEN"), None, "WEBHOOK_URL_FORBIDDEN"),
    ],
)
def test_whatever_fails_is_tried_five_times_and_then_dead_and_visible(
    databases: Databases, answer: int | CodedError, status: int | None, code: str | None
) -> None:
    records = make_records(databases)
    made, receiver = new_webhook(records)
    receiver.answer = answer
    tell(records)
    seconds = []
    for _ in range(7):
        make_due(records)
        send(databases, receiver)
        (row,) = records.session.rows(
            "select round(extract(epoch from next_at - updated_at))::int as wait from webhook_deliveries"
        )
        seconds.append(row["wait"])
    assert len(receiver.got) == 5 and seconds == [1, 5, 30, 120, None, None, None]
    (delivery,) = deliveries(records, made, status="dead")
    assert (delivery.attempt, delivery.http_status, delivery.error_code) == (5, status, code)


def test_a_sender_that_died_frees_its_deliveries_and_its_late_result_changes_nothing(databases: Databases) -> None:
    from shared.adapters.postgres.webhooks import PostgresWebhookQueue
    from shared.domain.webhooks import result_of
    from tests.records import pool

    records = make_records(databases)
    made, receiver = new_webhook(records)
    tell(records)
    PostgresWebhookQueue(pool(databases.sweep_url)).claim(limit=100)
    (held,) = deliveries(records, made)
    send(databases, receiver)
    assert receiver.got == []
    make_due(records)  # the lease of 60 s is over
    send(databases, receiver)
    assert len(receiver.got) == 1
    assert not records.webhook_deliveries.settle(held, result_of(5, http_status=500, error_code=None))
    assert deliveries(records, made)[0].status == "delivered"


def test_fifty_dead_deliveries_in_a_row_disable_the_endpoint_and_raise_one_alert(databases: Databases) -> None:
    records = make_records(databases)
    made, receiver = new_webhook(records)
    receiver.answer = 500
    endpoint = made.webhook.endpoint_id
    records.session.execute("update webhook_endpoints set dead_in_a_row = 48")
    last_try = "update webhook_deliveries set attempt = 4, next_at = clock_timestamp() where status <> 'dead'"
    for count, status in ((49, "active"), (50, "disabled")):
        tell(records)
        records.session.execute(last_try)
        send(databases, receiver)
        webhook = records.webhooks.get(endpoint)
        assert (webhook.dead_in_a_row, webhook.status) == (count, status)
    tell(records)
    assert len(deliveries(records, made)) == 2
    alerts = records.session.rows("select payload from outbox_events where event_type = 'alert.raised'")
    assert [alert["payload"]["endpoint_id"] for alert in alerts] == [endpoint]
    assert {"action": "webhook.disabled"} in records.session.rows("select action from audit_log")


def test_one_success_starts_the_count_of_dead_deliveries_again(databases: Databases) -> None:
    records = make_records(databases)
    made, receiver = new_webhook(records)
    records.session.execute("update webhook_endpoints set dead_in_a_row = 49")
    tell(records)
    send(databases, receiver)
    assert records.webhooks.get(made.webhook.endpoint_id) == made.webhook


def test_after_a_slow_portion_other_schedules_have_their_turn(databases: Databases) -> None:
    records = make_records(databases)
    _, receiver = new_webhook(records)
    send(databases, receiver)  # leaves nothing due of other tests
    for _ in range(20):
        tell(records)
    left = iter([60.0, 60.0, 50.0])
    assert send(databases, receiver, time_left=lambda: next(left)) == len(receiver.got) == 8
    send(databases, receiver)
    assert len(receiver.got) == 20
