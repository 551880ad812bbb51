"""Answers kept by the key that a client sent with its request (spec A11-A13)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol


class Idempotency(Protocol):
    """The keys of section 1.1 of 02."""

    def begin(
        self, key: str, *, actor_id: str, route: str, fingerprint: str, expires_at: datetime
    ) -> dict[str, Any] | None:
        """First insert of the transaction. None: go on. A dict with status and body: replay it.

        Raises Refused IDEMPOTENCY_CONFLICT for another fingerprint and Retryable IDEMPOTENCY_IN_PROGRESS
        when the first call does not end within 2 s."""
        ...

    def finish(self, key: str, *, status: int, body: Mapping[str, Any]) -> None:
        """Store the answer in the same transaction."""
        ...
