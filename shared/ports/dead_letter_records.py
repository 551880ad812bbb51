"""Dead letters of jobs and of messages."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from shared.domain.dead_letters import DeadLetter, Health


class DeadLetters(Protocol):
    """Dead letters; they are made by jobs.dead_letter and add_message and resolved here."""

    def add_message(self, *, dlq_id: str, consumer: str, envelope: Mapping[str, Any], error: Mapping[str, Any]) -> str:
        """Keep a message that its consumer gave up on, once per (event, consumer); its id (W103).

        `error` has code and class. A message that fails again after a replay stays the same open item."""
        ...

    def get(self, dlq_id: str, *, lock: bool = False) -> DeadLetter:
        """The item; raises Refused DLQ_ITEM_NOT_FOUND."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> Sequence[DeadLetter]:
        """Newest first, ids below `before`; filters status, kind, code, job_type, project_id."""
        ...

    def attempts(self, job_id: str) -> Sequence[Mapping[str, Any]]:
        """Every noted try of the job's runs in time order: run_id, step, item_key, attempt, times, error_code ..."""
        ...

    def requeued(self, item: DeadLetter, *, new_job_id: str, reason: str) -> DeadLetter:
        """open -> requeued; raises Refused DLQ_REQUEUE_CONFLICT when another call was first."""
        ...

    def replayed(self, item: DeadLetter, *, by: str, reason: str, done: bool = False) -> DeadLetter:
        """replay_count + 1; the item stays open until the consumer succeeds, which the database notes by itself.

        An event that the consumer has already consumed closes the item at once, and so does `done`.
        Raises Refused DLQ_REPLAY_CONFLICT."""
        ...

    def discarded(self, item: DeadLetter, *, approval_id: str, reason: str) -> DeadLetter:
        """open -> discarded; raises Refused DLQ_DISCARD_CONFLICT when another call was first."""
        ...

    def health(self) -> Health:
        """Open items and the share of the last day's jobs, for the release gate (W107)."""
        ...
