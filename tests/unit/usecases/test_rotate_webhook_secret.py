"""RotateWebhookSecret on a real database (spec A136)."""

from infra.local.postgres import Databases
from shared.domain.webhooks import signature
from shared.usecases.rotate_webhook_secret import RotateWebhookSecret, rotate_webhook_secret
from tests.records import ids, make_records
from tests.webhooks import Receiver, new_webhook, send, tell, vault


def signed_by(receiver: Receiver, *secrets: str) -> bool:
    """Whether the last request carries exactly these signatures, in this order."""
    headers, body = receiver.got[-1]
    time, *values = headers["Bidproof-Signature"].split(",")
    unix = int(time.removeprefix("t="))
    return values == [f"v1={signature(secret, unix, body)}" for secret in secrets]


def test_both_secrets_sign_for_a_day_and_then_the_new_one_alone(databases: Databases) -> None:
    records = make_records(databases)
    made, receiver = new_webhook(records)
    command = RotateWebhookSecret(endpoint_id=made.webhook.endpoint_id)
    rotated = rotate_webhook_secret(command, records=records, ids=ids, vault=vault)
    assert rotated.secret != made.secret and rotated.webhook.previous_until is not None
    tell(records)
    send(databases, receiver)
    assert signed_by(receiver, rotated.secret, made.secret)
    records.session.execute("update webhook_endpoints set previous_until = clock_timestamp()")
    tell(records)
    send(databases, receiver)
    assert len(receiver.got) == 2 and signed_by(receiver, rotated.secret)
