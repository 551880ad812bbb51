"""Messages on one machine: rows that the local worker delivers (the ports Queue and EventBus on PostgreSQL)."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import psycopg
from psycopg.types.json import Json

from shared.domain.errors import Retryable
from shared.domain.payloads import EVENT_LIMIT, bounded_text, wire_text

BUS = "events"  # the worker copies each message of this queue to the queues of its consumers


class Connections(Protocol):
    """A pool, or anything else that lends connections of bidproof_platform."""

    def connection(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """Lend one."""
        ...


class LocalQueue:
    """Queue over schema local_platform."""

    def __init__(self, pool: Connections) -> None:
        self._pool = pool

    def send(self, queue: str, message: Mapping[str, Any]) -> None:
        """Put one JSON message on the named queue, its tenant as an attribute when it has one.

        Raises Retryable DEPENDENCY_UNAVAILABLE without a database, Permanent WF_PAYLOAD_TOO_LARGE above 200 KiB.
        """
        bounded_text(message)
        self.put(queue, message, tenant_id=message.get("tenant_id"))

    def put(self, queue: str, message: Mapping[str, Any], *, tenant_id: Any = None) -> None:
        """The same without a limit, for the bus, which has its own and gives no attributes."""
        try:
            with self._pool.connection() as connection:
                connection.execute(
                    """
                    with sent as (insert into local_platform.messages (queue, body, tenant_id) values (%s, %s, %s))
                    select pg_notify('bidproof_messages', '')""",
                    [queue, Json(dict(message)), str(tenant_id) if tenant_id else None],
                )
        except psycopg.OperationalError as error:
            raise Retryable("DEPENDENCY_UNAVAILABLE", "the local platform's database did not answer") from error


class LocalBus:
    """EventBus over the same rows: one message per event, routed by the worker."""

    def __init__(self, pool: Connections) -> None:
        self._queue = LocalQueue(pool)

    def send_all(self, events: Sequence[Mapping[str, Any]]) -> Sequence[str]:
        """Deliver envelopes to their consumers' queues; return the ids of those larger than 256 KiB.

        Raises Retryable DEPENDENCY_UNAVAILABLE without a database."""
        refused = []
        for event in events:
            if len(wire_text(event)) > EVENT_LIMIT:
                refused.append(str(event["event_id"]))
            else:
                self._queue.put(BUS, event)
        return refused
