"""Webhook endpoints and deliveries of one tenant, the claim over all tenants, and the call itself (spec D79)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from shared.domain.webhooks import Delivery, SendResult, Webhook


class Webhooks(Protocol):
    """Endpoints and their sealed secrets."""

    def add(self, webhook: Webhook, *, secret: bytes) -> Webhook:
        """Insert with the sealed secret."""
        ...

    def get(self, endpoint_id: str, *, lock: bool = False) -> Webhook:
        """The endpoint; raises Refused WEBHOOK_NOT_FOUND."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> Sequence[Webhook]:
        """Newest first, ids below `before`; filters by status."""
        ...

    def save(self, webhook: Webhook) -> Webhook:
        """Store url, event_types, status and dead_in_a_row; raises Refused VERSION_CONFLICT."""
        ...

    def remove(self, webhook: Webhook) -> None:
        """Mark deleted; its unsent deliveries become dead."""
        ...

    def rotate(self, webhook: Webhook, *, secret: bytes) -> Webhook:
        """Set a new sealed secret; the one before signs too for 24 h of database time (A136)."""
        ...

    def secrets(self, endpoint_id: str) -> Sequence[bytes]:
        """The sealed secrets that sign now, newest first: one, or two during a rotation."""
        ...

    def matching(self, event_type: str) -> Sequence[str]:
        """Ids of the active endpoints that subscribed to the type."""
        ...

    def count_result(self, endpoint_id: str, *, dead: bool) -> int:
        """Count a dead delivery, or start again from 0 after a success; return the new count."""
        ...


class WebhookDeliveries(Protocol):
    """Events for endpoints."""

    def add(self, delivery: Delivery) -> bool:
        """Insert, due at once; False when this endpoint has the event already (not for replays)."""
        ...

    def get(self, endpoint_id: str, delivery_id: str, *, lock: bool = False) -> Delivery:
        """The delivery of this endpoint; raises Refused WEBHOOK_NOT_FOUND."""
        ...

    def list(
        self, endpoint_id: str, *, filters: Mapping[str, Any], before: str | None, limit: int
    ) -> Sequence[Delivery]:
        """Newest first, ids below `before`; filters by status and event_type."""
        ...

    def event(self, event_id: str) -> dict[str, Any]:
        """The envelope (A135) as the bus had it; raises Refused WEBHOOK_NOT_FOUND when it is kept no longer."""
        ...

    def events(self, types: Sequence[str], *, since: datetime, until: datetime) -> Sequence[tuple[str, str]]:
        """(event id, type) of what happened in the span, oldest first, at most 10,000."""
        ...

    def settle(self, delivery: Delivery, result: SendResult) -> bool:
        """Store what this attempt came to; False when a later attempt owns the row."""
        ...


class WebhookQueue(Protocol):
    """What is due over all tenants (role bidproof_sweep: ids, states and times only)."""

    def claim(self, *, limit: int) -> Sequence[tuple[str, str, str]]:
        """Raise the attempt of due deliveries, lease them for 60 s and return (tenant, endpoint, delivery) ids."""
        ...


class WebhookPost(Protocol):
    """The call to a receiver."""

    def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes) -> int:
        """POST and return the HTTP status within 10 s; redirects are answers, the answer's body is not read.

        Raises Refused WEBHOOK_URL_FORBIDDEN, Retryable DEPENDENCY_TIMEOUT or DEPENDENCY_UNAVAILABLE."""
        ...
