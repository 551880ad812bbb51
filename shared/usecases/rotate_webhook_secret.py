"""Give a webhook endpoint a new secret; both sign for 24 h (spec A136, S98)."""

from dataclasses import dataclass

from shared.domain.webhooks import SECRET_PREFIX, SECRET_PURPOSE, Webhook
from shared.ports.platform import Ids, Vault
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateWebhookSecret:
    """The endpoint."""

    endpoint_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatedWebhookSecret:
    """The endpoint, with the end of the overlap in `previous_until`, and the new secret in clear, for one answer."""

    webhook: Webhook
    secret: str


def rotate_webhook_secret(
    command: RotateWebhookSecret, *, records: Records, ids: Ids, vault: Vault
) -> RotatedWebhookSecret:
    """Seal and store a new secret; a second rotation within the overlap ends the oldest one at once.

    Raises Refused WEBHOOK_NOT_FOUND."""
    secret = ids.token(SECRET_PREFIX)
    place = {"tenant_id": records.actor.tenant_id, "purpose": SECRET_PURPOSE, "row_id": command.endpoint_id}
    with records.transaction():
        webhook = records.webhooks.get(command.endpoint_id, lock=True)
        saved = records.webhooks.rotate(webhook, secret=vault.encrypt(secret, context=place))
        records.trail.audit("webhook.secret_rotated", "webhook", webhook.endpoint_id)
    return RotatedWebhookSecret(webhook=saved, secret=secret)
