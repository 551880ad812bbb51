"""Register a webhook endpoint; its secret is shown this once (spec A125, S97)."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.errors import Refused
from shared.domain.webhooks import EVENT_TYPES, SECRET_PREFIX, SECRET_PURPOSE, Webhook, check_target
from shared.ports.platform import Ids, Vault
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWebhook:
    """`event_types` are some of A134."""

    url: str
    event_types: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedWebhook:
    """The endpoint and its secret in clear, for one answer only."""

    webhook: Webhook
    secret: str


def create_webhook(command: CreateWebhook, *, records: Records, ids: Ids, vault: Vault) -> CreatedWebhook:
    """Insert the endpoint with its sealed secret and an audit entry.

    Raises Refused WEBHOOK_URL_FORBIDDEN, or REQ_VALIDATION_FAILED for a type nobody can subscribe to."""
    check_target(command.url)
    unknown = sorted(set(command.event_types) - EVENT_TYPES)
    if unknown or not command.event_types:
        raise Refused("REQ_VALIDATION_FAILED", details={"event_types": unknown})
    endpoint_id, secret = ids.new("whk"), ids.token(SECRET_PREFIX)
    place = {"tenant_id": records.actor.tenant_id, "purpose": SECRET_PURPOSE, "row_id": endpoint_id}
    with records.transaction():
        types = sorted(set(command.event_types))
        webhook = Webhook(endpoint_id=endpoint_id, url=command.url, event_types=types)
        saved = records.webhooks.add(webhook, secret=vault.encrypt(secret, context=place))
        changes = {"url": command.url, "event_types": types}
        records.trail.audit("webhook.created", "webhook", endpoint_id, changes=changes)
    return CreatedWebhook(webhook=saved, secret=secret)
