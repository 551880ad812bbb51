"""The EventBus port over EventBridge: parts of 10, refused entries by id (spec W96, A135)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.adapters.aws_calls import ask
from shared.domain.errors import Retryable
from shared.domain.payloads import EVENT_LIMIT, wire_text

SOURCE = "bidproof"
PART = 10  # entries of one PutEvents, the service's limit (W96)


class EventBridgeBus:
    """One event bus; rules with InputPath $.detail hand consumers the envelope as it was given here."""

    def __init__(self, client: Any, *, bus: str) -> None:
        self._client, self._bus = client, bus

    def send_all(self, events: Sequence[Mapping[str, Any]]) -> Sequence[str]:
        """Send envelopes; return the ids of those refused: by the bus, for their size, or not sent after an outage.

        Raises Retryable DEPENDENCY_UNAVAILABLE or DEPENDENCY_TIMEOUT when the first part gets no answer, and
        Permanent INTERNAL_ERROR without the right to send.
        """
        entries = [(str(event["event_id"]), self._entry(event)) for event in events]
        refused = [event_id for event_id, entry in entries if _size(entry) > EVENT_LIMIT]
        parts = list(_parts([pair for pair in entries if _size(pair[1]) <= EVENT_LIMIT]))
        for number, part in enumerate(parts):
            try:
                answer = ask(self._client.put_events, Entries=[entry for _, entry in part])
            except Retryable:
                if number == 0:
                    raise
                return refused + [event_id for later in parts[number:] for event_id, _ in later]
            answers = zip(part, answer["Entries"], strict=True)
            refused += [event_id for (event_id, _), result in answers if result.get("ErrorCode")]
        return refused

    def _entry(self, event: Mapping[str, Any]) -> dict[str, str]:
        kind = str(event["event_type"])
        return {"EventBusName": self._bus, "Source": SOURCE, "DetailType": kind, "Detail": wire_text(event)}


def _size(entry: Mapping[str, str]) -> int:
    """Bytes as EventBridge counts them: source, type and detail (EventBridge user guide, PutEvents entry size)."""
    return sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


def _parts(entries: Sequence[tuple[str, dict[str, str]]]) -> Iterator[list[tuple[str, dict[str, str]]]]:
    """At most 10 entries and 256 KiB each, in order."""
    part: list[tuple[str, dict[str, str]]] = []
    room = EVENT_LIMIT
    for pair in entries:
        size = _size(pair[1])
        if part and (len(part) == PART or size > room):
            yield part
            part, room = [], EVENT_LIMIT
        part.append(pair)
        room -= size
    if part:
        yield part
