"""Hand pending outbox events to the bus (spec W96)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.ports.dispatch import Outbox

PORTION = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOutbox:
    """Nothing to say: what is pending is in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayedOutbox:
    """How many events were published."""

    published: int


def relay_outbox(command: RelayOutbox, *, outbox: Outbox, time_left: Callable[[], float]) -> RelayedOutbox:
    """Publish portions until nothing is pending or less than 5 s remain (W126)."""
    published = 0
    while time_left() > 5:
        portion = outbox.publish_pending(limit=PORTION)
        published += portion
        if portion < PORTION:
            break
    return RelayedOutbox(published=published)
