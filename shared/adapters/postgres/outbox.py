"""The outbox relay, as the role bidproof_relay (spec W96, W97, A135)."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from shared.adapters.postgres.session import translate
from shared.domain.errors import Retryable
from shared.domain.retries import RECEIVE_DELAYS_SECONDS, RECEIVE_LIMIT
from shared.ports.dispatch import EventBus

PART = 10  # events handed to the bus at once (W96)
LEASE_SECONDS = 30  # how long a claimed event is left to the relay that claimed it (W96)
CLAIM = """
update outbox_events o set lease_expires_at = clock_timestamp() + %(lease)s * interval '1 second'
from (select tenant_id, event_id from outbox_events
       where status = 'pending' and available_at <= clock_timestamp()
         and (lease_expires_at is null or lease_expires_at <= clock_timestamp())
       order by event_id limit %(limit)s for update skip locked) due
where o.tenant_id = due.tenant_id and o.event_id = due.event_id
returning o.tenant_id, o.event_id, event_type, contract_version, aggregate_type, aggregate_id, aggregate_version,
    producer, project_id, run_id, job_id, correlation_id, causation_id, payload, created_at, trace_id"""
PUBLISHED = """
update outbox_events set status = 'published', attempts = attempts + 1, lease_expires_at = null,
    published_at = clock_timestamp()
where status = 'pending' and (tenant_id, event_id) in (select * from unnest(%(tenants)s::text[], %(events)s::text[]))"""
# The fifth refusal makes it `failed`, and the database then writes the dead letter (trigger dead_letter_of_event).
REFUSED = """
update outbox_events set attempts = attempts + 1, lease_expires_at = null, last_error = 'DEPENDENCY_UNAVAILABLE',
    status = case when attempts + 1 >= %(limit)s then 'failed' else 'pending' end,
    available_at = clock_timestamp()
      + (%(delays)s::int[])[least(attempts + 1, cardinality(%(delays)s::int[]))] * interval '1 second'
where status = 'pending' and (tenant_id, event_id) in (select * from unnest(%(tenants)s::text[], %(events)s::text[]))"""
GIVEN_BACK = """
update outbox_events set lease_expires_at = null, last_error = 'DEPENDENCY_UNAVAILABLE'
where status = 'pending' and (tenant_id, event_id) in (select * from unnest(%(tenants)s::text[], %(events)s::text[]))"""
AGAIN = """
with again as (
  update outbox_events set status = 'pending', attempts = 0, available_at = clock_timestamp(), last_error = null
   where tenant_id = %(tenant)s and event_id = %(event)s and status = 'failed'),
nudged as (select pg_notify('bidproof_outbox', ''))
select exists (select from outbox_events where tenant_id = %(tenant)s and event_id = %(event)s) from nudged"""
OLDEST = """select coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float from outbox_events
    where status = 'pending'"""


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
    """The Outbox port. Claim, sending and mark are apart: a relay killed between them sends twice and loses nothing."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]], bus: EventBus) -> None:
        self._pool, self._bus = pool, bus

    def publish_pending(self, *, limit: int) -> int:
        """Send up to `limit` pending events, oldest first, in parts of 10; return how many were published.

        A refused event comes again after 1, 5, 30, 120 s and is `failed` with a dead letter after the fifth refusal.
        A bus that does not answer at all refuses nothing: what is left goes back and waits for it (F32)."""
        with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(CLAIM, {"lease": LEASE_SECONDS, "limit": limit}).fetchall()
        rows.sort(key=lambda row: str(row["event_id"]))
        published = 0
        for start in range(0, len(rows), PART):
            part = rows[start : start + PART]
            try:
                refused = set(self._bus.send_all([envelope(row) for row in part]))
            except Retryable:
                self._mark(GIVEN_BACK, rows[start:])
                break
            sent = [row for row in part if row["event_id"] not in refused]
            self._mark(PUBLISHED, sent)
            self._mark(REFUSED, [row for row in part if row["event_id"] in refused])
            published += len(sent)
        return published

    def again(self, tenant_id: str, event_id: str) -> bool:
        """Set a failed event back to pending under its own id and nudge the relay; False when the row is gone.

        Raises Retryable DEPENDENCY_UNAVAILABLE when the database is out."""
        try:
            with self._pool.connection() as connection:
                found = connection.execute(AGAIN, {"tenant": tenant_id, "event": event_id}).fetchone()
        except psycopg.Error as error:
            raise translate(error) from error
        return bool(found and found[0])

    def oldest_pending_seconds(self) -> float:
        """Age of the oldest pending event in seconds, 0 without one; above 60 warns, above 300 pages (W97)."""
        with self._pool.connection() as connection:
            found = connection.execute(OLDEST).fetchone()
        assert found is not None
        return float(found[0])

    def _mark(self, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            params = {
                "tenants": [row["tenant_id"] for row in rows],
                "events": [row["event_id"] for row in rows],
                "limit": RECEIVE_LIMIT,
                "delays": list(RECEIVE_DELAYS_SECONDS),
            }
            with self._pool.connection() as connection:
                connection.execute(statement, params)
