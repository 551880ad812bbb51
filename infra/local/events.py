"""What the event bus, the queues and the scheduler of AWS would call here: three small tables."""

from collections.abc import Mapping
from typing import Any

BUS = "events"  # relay_outbox sends every outbox event to this queue; the worker routes it

QUEUES = {
    "work-interactive": "start_work",
    "work-standard": "start_work",
    "work-bulk": "start_work",
    "deliver-wait": "deliver_wait",
}
SCHEDULES = {"relay_outbox": 1.0}  # seconds between calls; a nudge on bidproof_outbox calls it at once (W96)

_WORK = {"job.queued", "job.retry.scheduled"}
_WAIT = {"review.submitted", "review.expired", "job.canceled"}


def routes(event: Mapping[str, Any]) -> list[str]:
    """Return the queues that get a copy of the event; its `payload.lane` picks the lane, standard without one."""
    kind = event.get("event_type")
    if kind in _WORK:
        return [f"work-{event.get('payload', {}).get('lane', 'standard')}"]
    return ["deliver-wait"] if kind in _WAIT else []
