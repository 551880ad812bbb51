"""Turn a message of a dead-letter queue into a dead letter; the message goes only after the commit (spec W103)."""

from dataclasses import dataclass
from typing import Any

from shared.domain.error_catalogue import CATALOGUE
from shared.domain.events import consumer_of
from shared.domain.retries import RECEIVE_LIMIT
from shared.ports.platform import Ids
from shared.ports.records import Records

# The queue knows that its consumer failed five times, not why: the reason stands in the consumer's log (W98).
CODE = "INTERNAL_ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDeadMessage:
    """The envelope, and the dead-letter queue it came from."""

    event: dict[str, Any]
    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDeadMessage:
    """The dead letter of this event and consumer; delivered again it is the same one."""

    dlq_id: str


def record_dead_message(command: RecordDeadMessage, *, records: Records, ids: Ids) -> RecordedDeadMessage:
    """Insert the row of kind message with the envelope, ids and states only, so that it can be replayed (W105)."""
    error = {
        "code": CODE,
        "class": CATALOGUE[CODE].kind,
        "receives": RECEIVE_LIMIT,
        "event_type": command.event["event_type"],
        "queue": command.queue,
    }
    dlq_id = records.dead_letters.add_message(
        dlq_id=ids.new("dlq"), consumer=consumer_of(command.queue), envelope=command.event, error=error
    )
    return RecordedDeadMessage(dlq_id=dlq_id)
