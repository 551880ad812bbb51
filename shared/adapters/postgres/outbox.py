"""The outbox relay, as the role bidproof_relay (spec W96, W97, A135)."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from shared.domain.errors import Retryable
from shared.ports.dispatch import EventBus

CLAIM = """
select tenant_id, event_id, event_type, contract_version, aggregate_type, aggregate_id, aggregate_version, producer,
    project_id, run_id, job_id, correlation_id, causation_id, payload, created_at, trace_id, attempts
from outbox_events where status = 'pending' and available_at <= clock_timestamp()
order by event_id limit %s for update skip locked"""
PUBLISHED = """update outbox_events set status = 'published', attempts = attempts + 1,
    published_at = clock_timestamp() where tenant_id = %s and event_id = %s"""
DELAYED = """update outbox_events set attempts = attempts + 1,
    status = case when attempts >= 4 then 'failed' else 'pending' end,
    available_at = clock_timestamp() + (array[1, 5, 30, 120])[least(attempts + 1, 4)] * interval '1 second'
    where tenant_id = %s and event_id = %s"""


def envelope(row: Mapping[str, Any]) -> dict[str, Any]:
    """The event as consumers see it: ids and states only (A135)."""
    return {
        "event_id": row["event_id"],
        "event_type": row["event_type"],
        "contract_version": row["contract_version"],
        "occurred_at": row["created_at"].isoformat(),
        "producer": row["producer"],
        "tenant_id": row["tenant_id"],
        "project_id": row["project_id"],
        "run_id": row["run_id"],
        "job_id": row["job_id"],
        "aggregate": {"type": row["aggregate_type"], "id": row["aggregate_id"], "version": row["aggregate_version"]},
        "trace_id": row["trace_id"],
        "correlation_id": row["correlation_id"],
        "causation_id": row["causation_id"],
        "idempotency_key": row["event_id"],
        "payload": row["payload"],
    }


class PostgresOutbox:
    """The Outbox port. Rows stay locked while they are sent, so a killed relay leaves them pending."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]], bus: EventBus) -> None:
        self._pool, self._bus = pool, bus

    def publish_pending(self, *, limit: int) -> int:
        """Send up to `limit` pending events, oldest first; return how many were published."""
        published = 0
        with self._pool.connection() as connection, connection.transaction():
            rows = connection.cursor(row_factory=dict_row).execute(CLAIM, (limit,)).fetchall()
            try:
                refused = set(self._bus.send_all([envelope(row) for row in rows]))
            except Retryable:
                refused = {row["event_id"] for row in rows}
            for row in rows:
                after = DELAYED if row["event_id"] in refused else PUBLISHED
                connection.execute(after, (row["tenant_id"], row["event_id"]))
                published += after is PUBLISHED
        return published
