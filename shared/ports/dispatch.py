"""Scheduling across tenants: narrow views that see ids and states and no content (spec S62, W13, W96)."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from shared.domain.executions import Startable


class Dispatch(Protocol):
    """Picks jobs fairly and marks their runs (role bidproof_dispatch)."""

    def next_job(self, *, lane: str, max_running: int) -> Startable | None:
        """Mark the run of the next job started and return it, or None: nothing is due or no slot is free.

        The tenant with the fewest running jobs per slot first, then priority, then age (W121)."""
        ...

    def unstarted(self, *, grace_seconds: int, limit: int) -> list[Startable]:
        """Runs marked started that long ago, of jobs that go on, for which no execution was noted (W111)."""
        ...

    def note_execution(self, job: Startable, *, execution_ref: str) -> None:
        """Keep the reference that the platform gave for the run's execution."""
        ...

    def execution_of(self, tenant_id: str, job_id: str) -> str | None:
        """The reference of the newest run's execution, or None."""
        ...


class Outbox(Protocol):
    """Hands pending events to the bus (role bidproof_relay)."""

    def publish_pending(self, *, limit: int) -> int:
        """Send up to `limit` pending events, oldest first, and mark them published; return how many.

        Crash after sending: sent again, never lost. The fifth refusal marks an event failed and leaves a dead letter
        of kind message (W96, W97)."""
        ...

    def again(self, tenant_id: str, event_id: str) -> bool:
        """Let an event that was given up be published after all, with all its tries; False when it is gone.

        One that is pending or published stays as it is."""
        ...

    def oldest_pending_seconds(self) -> float:
        """Age of the oldest pending event in seconds, 0 without one (W97)."""
        ...


class EventBus(Protocol):
    """Where domain events go."""

    def send_all(self, events: Sequence[Mapping[str, Any]]) -> Sequence[str]:
        """Deliver envelopes (A135) to their consumers' queues, at least once; return the ids of those refused.

        Raises Retryable DEPENDENCY_UNAVAILABLE when the bus does not answer at all."""
        ...
