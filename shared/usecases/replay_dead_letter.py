"""Send a dead message to its consumer once more, under its own event id (spec W105, A116)."""

from dataclasses import dataclass

from shared.domain.dead_letters import RELAY, DeadLetter, queue_of
from shared.domain.errors import Refused
from shared.ports.dispatch import Outbox
from shared.ports.platform import Queue
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDeadLetter:
    """Which item, and why."""

    dlq_id: str
    reason: str


def replay_dead_letter(command: ReplayDeadLetter, *, records: Records, queue: Queue, outbox: Outbox) -> DeadLetter:
    """Count the replay and send the stored envelope; the consumer's success resolves the item (D106).

    What never reached the bus has no consumer yet: its row of the outbox becomes pending again, and the relay publishes
    it under the same id. That or the message comes before the commit: a crash in between delivers once more, which the
    consumer's note of the event id makes harmless; the other order could lose it. Raises Refused DLQ_ITEM_NOT_FOUND,
    DLQ_REPLAY_CONFLICT (kind job, resolved, without an envelope, or its event is gone) or Retryable
    DEPENDENCY_UNAVAILABLE."""
    with records.transaction():
        item = records.dead_letters.get(command.dlq_id, lock=True)
        if item.kind != "message" or item.status != "open" or item.payload is None or item.consumer is None:
            raise Refused("DLQ_REPLAY_CONFLICT", details={"kind": item.kind, "status": item.status})
        to_bus = item.consumer == RELAY
        replayed = records.dead_letters.replayed(item, by=records.actor.actor_id, reason=command.reason, done=to_bus)
        if to_bus and not outbox.again(records.actor.tenant_id, item.event_id or ""):
            raise Refused("DLQ_REPLAY_CONFLICT", "the event is not kept any more")
        if replayed.status == "open":
            queue.send(queue_of(item.consumer, item.payload), item.payload)
    return replayed
