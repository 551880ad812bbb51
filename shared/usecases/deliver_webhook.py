"""Note which endpoints get an event; sending is another step, so a slow receiver holds nobody up (spec A137, W99)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.webhooks import Delivery
from shared.ports.platform import Ids
from shared.ports.records import Records

CONSUMER = "deliver_webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverWebhook:
    """The envelope of a domain event (A135)."""

    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredWebhook:
    """How many deliveries were noted."""

    noted: int


def deliver_webhook(command: DeliverWebhook, *, records: Records, ids: Ids) -> DeliveredWebhook:
    """Insert one delivery per active endpoint that subscribed; the same event again notes nothing."""
    event_id, kind = str(command.event["event_id"]), str(command.event["event_type"])
    with records.transaction():
        endpoints = records.webhooks.matching(kind)
        if not endpoints or not records.trail.consume(event_id, CONSUMER):
            return DeliveredWebhook(noted=0)
        noted = [
            records.webhook_deliveries.add(
                Delivery(delivery_id=ids.new("whd"), endpoint_id=endpoint, event_id=event_id, event_type=kind)
            )
            for endpoint in endpoints
        ]
    return DeliveredWebhook(noted=sum(noted))
