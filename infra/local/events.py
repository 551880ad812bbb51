"""What the event bus, the queues and the scheduler of AWS would call here: three small tables."""

from collections.abc import Mapping
from typing import Any

QUEUES = {
    "work-interactive": "start_work",
    "work-standard": "start_work",
    "work-bulk": "start_work",
    "deliver-wait": "deliver_wait",
    "stop-execution": "stop_execution",
}
# seconds between calls; a nudge on bidproof_outbox calls the relay at once (W96)
SCHEDULES = {"relay_outbox": 1.0, "restart_runs": 10.0}

_QUEUED = {"job.queued", "job.retry.scheduled"}
_SLOT_FREE = {"job.succeeded", "job.failed", "job.canceled", "evaluation.needs_manual_decision"}
_CONSUMERS = {
    "review.submitted": ["deliver-wait"],
    "review.expired": ["deliver-wait"],
    "job.canceled": ["deliver-wait", "stop-execution"],
}


def routes(event: Mapping[str, Any]) -> list[str]:
    """Return the queues that get a copy of the event (spec 06 section 9).

    A queued job wakes its lane (standard without one); a job that ended or waits frees a slot for the next.
    """
    kind = str(event.get("event_type"))
    lane = event.get("payload", {}).get("lane", "standard")
    wakes = [f"work-{lane}"] if kind in _QUEUED | _SLOT_FREE else []
    return wakes + _CONSUMERS.get(kind, [])
