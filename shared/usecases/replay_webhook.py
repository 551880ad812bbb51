"""Send events to an endpoint again, or a test event: same event id, new delivery id (spec A125, A126, A137)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.errors import Refused
from shared.domain.webhooks import REPLAY_AGE, REPLAY_SPAN, TEST_EVENT, Delivery, Webhook
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records

SPAN = "span"  # replay_of of a replay over a time span names no single delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayWebhook:
    """One `delivery_id`, or `event_types` from `since` until `until`, or none of them: a test event."""

    endpoint_id: str
    delivery_id: str | None = None
    event_types: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedWebhook:
    """How many deliveries were noted, and the id of the only one."""

    noted: int
    delivery_id: str | None = None


def replay_webhook(command: ReplayWebhook, *, records: Records, ids: Ids, clock: Clock) -> ReplayedWebhook:
    """Note new deliveries of kept events, due at once.

    Raises Refused WEBHOOK_NOT_FOUND, WF_STATE_TRANSITION_INVALID for an endpoint that is not active, and
    REQ_VALIDATION_FAILED for a span over 7 days or older than 30."""
    with records.transaction():
        webhook = records.webhooks.get(command.endpoint_id, lock=True)
        if webhook.status != "active":
            raise Refused("WF_STATE_TRANSITION_INVALID", details={"status": webhook.status})
        wanted = _wanted(command, webhook, records=records, now=clock.now())
        new = [
            Delivery(
                delivery_id=ids.new("whd"),
                endpoint_id=webhook.endpoint_id,
                event_id=event_id,
                event_type=kind,
                replay_of=replay_of,
            )
            for event_id, kind, replay_of in wanted
        ]
        for delivery in new:
            records.webhook_deliveries.add(delivery)
        action = "webhook.replayed" if command.delivery_id or command.since else "webhook.tested"
        records.trail.audit(action, "webhook", webhook.endpoint_id, changes={"deliveries": len(new)})
    return ReplayedWebhook(noted=len(new), delivery_id=new[0].delivery_id if len(new) == 1 else None)


def _wanted(
    command: ReplayWebhook, webhook: Webhook, *, records: Records, now: datetime
) -> list[tuple[str, str, str | None]]:
    if command.delivery_id is not None:
        old = records.webhook_deliveries.get(webhook.endpoint_id, command.delivery_id)
        records.webhook_deliveries.event(old.event_id)
        return [(old.event_id, old.event_type, old.delivery_id)]
    if command.since is None or command.until is None:
        about = ("webhook", webhook.endpoint_id, webhook.row_version)
        event_id = records.trail.publish(TEST_EVENT, about, {"endpoint_id": webhook.endpoint_id})
        return [(event_id, TEST_EVENT, None)]
    since, until, types = command.since, command.until, sorted(set(command.event_types))
    if not since < until or until - since > REPLAY_SPAN or since < now - REPLAY_AGE:
        raise Refused("REQ_VALIDATION_FAILED", details={"span": "at most 7 days within the last 30"})
    if set(types) - set(webhook.event_types) or not types:
        raise Refused("REQ_VALIDATION_FAILED", details={"event_types": webhook.event_types})
    found = records.webhook_deliveries.events(types, since=since, until=until)
    return [(event_id, kind, SPAN) for event_id, kind in found]
