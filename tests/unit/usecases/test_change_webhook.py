"""ChangeWebhook on a real database."""

from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.change_webhook import ChangeWebhook, change_webhook
from tests.records import make_records
from tests.webhooks import deliveries, new_webhook, send, tell


def test_a_paused_endpoint_gets_no_new_events_and_what_is_due_waits_for_it(databases: Databases) -> None:
    records = make_records(databases)
    made, receiver = new_webhook(records)
    endpoint = made.webhook.endpoint_id
    tell(records)
    change_webhook(ChangeWebhook(endpoint_id=endpoint, patch={"status": "paused"}), records=records)
    tell(records)
    send(databases, receiver)
    assert receiver.got == [] and len(deliveries(records, made)) == 1
    change_webhook(ChangeWebhook(endpoint_id=endpoint, patch={"status": "active"}), records=records)
    send(databases, receiver)
    assert len(receiver.got) == 1


def test_a_deleted_endpoint_is_gone_and_what_was_due_is_dead(databases: Databases) -> None:
    records = make_records(databases)
    made, receiver = new_webhook(records)
    tell(records)
    change_webhook(ChangeWebhook(endpoint_id=made.webhook.endpoint_id, delete=True), records=records)
    send(databases, receiver)
    assert receiver.got == [] and [d.status for d in deliveries(records, made)] == ["dead"]
    with pytest.raises(Refused, match="no such webhook"):
        records.webhooks.get(made.webhook.endpoint_id)


@pytest.mark.parametrize(
    ("patch", "version", "code"),
    [
        ({"status": "disabled"}, None, "REQ_VALIDATION_FAILED"),
        ({"secret": "mine"}, None, "REQ_VALIDATION_FAILED"),
        ({"event_types": ["no.such"]}, None, "REQ_VALIDATION_FAILED"),
        ({"url": "http://a.example"}, None, "WEBHOOK_URL_FORBIDDEN"),
        ({"status": "paused"}, 7, "REQ_PRECONDITION_FAILED"),
    ],
)
def test_a_wrong_change_is_refused(databases: Databases, patch: dict[str, Any], version: int | None, code: str) -> None:
    records = make_records(databases)
    made, _ = new_webhook(records)
    command = ChangeWebhook(endpoint_id=made.webhook.endpoint_id, patch=patch, expected_row_version=version)
    with pytest.raises(Refused) as refused:
        change_webhook(command, records=records)
    assert refused.value.code == code
    assert records.webhooks.get(made.webhook.endpoint_id) == made.webhook
