"""CreateWebhook on a real database."""

import json

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent, Refused
from shared.usecases.create_webhook import CreateWebhook, create_webhook
from tests.records import ids, make_records
from tests.webhooks import new_webhook, vault


def test_the_secret_rests_encrypted_for_its_row_only_and_is_not_in_the_audit_log(databases: Databases) -> None:
    records = make_records(databases)
    made, _ = new_webhook(records)
    assert made.secret.startswith("whs_") and len(made.secret) == 47
    (sealed,) = records.webhooks.secrets(made.webhook.endpoint_id)
    place = {"tenant_id": records.actor.tenant_id, "purpose": "webhook-secret", "row_id": made.webhook.endpoint_id}
    assert vault.decrypt(sealed, context=place) == made.secret
    with pytest.raises(Permanent):
        vault.decrypt(sealed, context=place | {"row_id": ids.new("whk")})
    everything = json.dumps(records.session.rows("select * from audit_log"), default=str)
    assert "webhook.created" in everything and made.secret not in everything


@pytest.mark.parametrize("types", [[], ["job.queued", "job.exploded"], ["webhook.tested"]])
def test_only_registered_events_can_be_subscribed_to(databases: Databases, types: list[str]) -> None:
    records = make_records(databases)
    with pytest.raises(Refused) as refused:
        create_webhook(CreateWebhook(url="https://a.example", event_types=types), records=records, ids=ids, vault=vault)
    assert refused.value.code == "REQ_VALIDATION_FAILED"


def test_a_private_target_is_refused_and_leaves_nothing(databases: Databases) -> None:
    records = make_records(databases)
    command = CreateWebhook(url="https://169.254.169.254/latest", event_types=["job.queued"])
    with pytest.raises(Refused) as refused:
        create_webhook(command, records=records, ids=ids, vault=vault)
    assert refused.value.code == "WEBHOOK_URL_FORBIDDEN"
    assert records.webhooks.list(filters={}, before=None, limit=9) == []
