"""The fair queue across tenants, as the role bidproof_dispatch (spec W14, W121, W122)."""

from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from shared.domain.executions import Startable

SLOTS = "(case t.tier when 'free' then 2 when 'basic' then 5 when 'pro' then 10 else 40 end)"
PICK = f"""
with busy as (
  select r.tenant_id, count(*) as running from runs r join jobs j using (tenant_id, job_id)
  where r.status = 'started' and j.status in ('queued','running','retrying') and j.waiting_on is null
  group by r.tenant_id),
picked as (
  select j.tenant_id, j.job_id, r.run_id, j.job_type, j.resource_id, r.machine, r.execution_name, j.trace_id,
      coalesce(j.payload->>'start_at', 'plan') as start_at
  from jobs j join runs r on r.tenant_id = j.tenant_id and r.job_id = j.job_id and r.status = 'created'
  join tenants t on t.tenant_id = j.tenant_id left join busy b on b.tenant_id = j.tenant_id
  where j.status = 'queued' and j.lane = %(lane)s and j.available_at <= clock_timestamp()
    and coalesce(b.running, 0) < {SLOTS} and (select coalesce(sum(running), 0) from busy) < %(max_running)s
  order by coalesce(b.running, 0)::float / {SLOTS},
      j.priority + extract(epoch from clock_timestamp() - j.created_at) / 60 desc, j.job_id
  limit 1 for update of j, r skip locked),
marked as (
  update runs r set status = 'started', started_at = clock_timestamp(), updated_at = clock_timestamp()
  from picked p where r.tenant_id = p.tenant_id and r.run_id = p.run_id returning r.run_id)
select p.* from picked p join marked m using (run_id)"""


UNSTARTED = """
select j.tenant_id, j.job_id, r.run_id, j.job_type, j.resource_id, r.machine, r.execution_name, j.trace_id,
    coalesce(j.payload->>'start_at', 'plan') as start_at
from runs r join jobs j using (tenant_id, job_id)
where r.status = 'started' and r.execution_ref is null and j.status in ('queued','running','retrying')
  and r.started_at < clock_timestamp() - %s * interval '1 second'
order by r.started_at limit %s"""


class PostgresDispatch:
    """The Dispatch port."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> None:
        self._pool = pool

    def next_job(self, *, lane: str, max_running: int) -> Startable | None:
        """Mark the next job's run started and return it; one dispatcher per lane at a time (W122)."""
        with self._pool.connection() as connection, connection.transaction():
            connection.execute("select pg_advisory_xact_lock(hashtext('bidproof-lane-' || %s))", (lane,))
            cursor = connection.cursor(row_factory=class_row(Startable))
            return cursor.execute(PICK, {"lane": lane, "max_running": max_running}).fetchone()

    def unstarted(self, *, grace_seconds: int, limit: int) -> list[Startable]:
        """Runs marked started that long ago for which no execution was noted, oldest first."""
        with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Startable))
            return cursor.execute(UNSTARTED, (grace_seconds, limit)).fetchall()

    def note_execution(self, job: Startable, *, execution_ref: str) -> None:
        """Keep the reference of the run's execution."""
        with self._pool.connection() as connection:
            connection.execute(
                "update runs set execution_ref = %s where tenant_id = %s and run_id = %s",
                (execution_ref, job.tenant_id, job.run_id),
            )

    def execution_of(self, tenant_id: str, job_id: str) -> str | None:
        """The reference of the newest run's execution, or None."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "select execution_ref from runs where tenant_id = %s and job_id = %s order by run_no desc limit 1",
                (tenant_id, job_id),
            ).fetchone()
        return row[0] if row else None
