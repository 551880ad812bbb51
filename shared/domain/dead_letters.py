"""Dead letters: what may be done with one, what of it may be shown, and when they freeze releases (spec W102-W107)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

FREEZE_OPEN = 20  # W107
FREEZE_SHARE = 0.01  # of a day's jobs, W107
SHOWN_TEXT = 500
_SECRET = re.compile(r"token|secret|password|authori[sz]ation|credential|signature|api_?key|cookie", re.IGNORECASE)
# W104 names parse route, model route and wait length. Only what a step of the product reads may be patched; of these
# that is the wait length of a resumed review, in seconds (W88).
WAIT_SECONDS = (900, 604_800)
ALLOWED_PATCH: Mapping[str, frozenset[str]] = {
    "ingest_document": frozenset(),
    "evaluate_bid": frozenset(),
    "resume_evaluation": frozenset({"wait_seconds"}),
    "export": frozenset(),
    "batch": frozenset(),
}
RELAY = "relay_outbox"  # no consumer of a queue: its message never reached the bus (W97)
QUEUE_OF_CONSUMER = {"deliver_wait": "deliver-wait", "stop_execution": "stop-execution"}
LANES = ("interactive", "standard", "bulk")
FAMILIES = {"start_work": "work", "work_tasks": "tasks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A row of `dlq_items`; `job_type` is that of its job. `payload` of a message is the whole envelope."""

    dlq_id: str
    kind: str
    status: str
    error_code: str
    error_class: str
    first_failed_at: datetime
    last_failed_at: datetime
    job_id: str | None = None
    job_type: str | None = None
    project_id: str | None = None
    event_id: str | None = None
    consumer: str | None = None
    step: str | None = None
    context: dict[str, Any] = field(default_factory=dict)
    payload: dict[str, Any] | None = None
    replay_count: int = 0
    replayed_by: str | None = None
    new_job_id: str | None = None
    approval_id: str | None = None
    reason: str | None = None
    created_at: datetime | None = None
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Open items, and dead-lettered jobs among the jobs accepted in the last 24 hours."""

    open_items: int
    jobs_of_day: int
    dead_of_day: int

    @property
    def share(self) -> float:
        """Dead letters per job of the day; without jobs, 0."""
        return self.dead_of_day / self.jobs_of_day if self.jobs_of_day else 0.0

    @property
    def freezes(self) -> bool:
        """Whether releases are frozen: 20 open items, or more than 1 % of the day's jobs (W107)."""
        return self.open_items >= FREEZE_OPEN or self.share > FREEZE_SHARE


def refused_keys(job_type: str, patch: Mapping[str, Any]) -> list[str]:
    """Patch keys that this job type does not honour or whose value is out of bounds, sorted (W104)."""
    refused = set(patch) - ALLOWED_PATCH.get(job_type, frozenset())
    wait = patch.get("wait_seconds", WAIT_SECONDS[0])
    if not (type(wait) is int and WAIT_SECONDS[0] <= wait <= WAIT_SECONDS[1]):
        refused.add("wait_seconds")
    return sorted(refused)


def queue_of(consumer: str, envelope: Mapping[str, Any]) -> str:
    """The queue of a consumer: two have one per lane, others are named after themselves (W98, W105)."""
    if consumer in FAMILIES:
        lane = envelope.get("payload", {}).get("lane", "standard")
        return f"{FAMILIES[consumer]}-{lane if lane in LANES else 'standard'}"
    return QUEUE_OF_CONSUMER.get(consumer, consumer.replace("_", "-"))


def redacted(value: Any) -> Any:
    """The value without secrets: fields named like one are blanked, long texts cut to 500 characters (A25)."""
    if isinstance(value, Mapping):
        return {k: "[redacted]" if _SECRET.search(k) and v is not None else redacted(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    if isinstance(value, str) and len(value) > SHOWN_TEXT:
        return value[:SHOWN_TEXT] + "…"
    return value
