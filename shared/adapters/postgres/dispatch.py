"""The fair queue across tenants, as the role bidproof_dispatch (spec W14, W121, W122)."""

from collections import Counter
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from shared.domain.executions import LANES, TENANT_SLOTS, Startable, has_slot

# Every query below has its index; without statistics of a fresh backlog the planner would read the whole table.
LOCK = "select set_config('enable_seqscan', 'off', true), pg_advisory_xact_lock(hashtext('bidproof-dispatch'))"
SLOTS = "(case t.tier " + " ".join(f"when '{tier}' then {slots}" for tier, slots in TENANT_SLOTS.items()) + " end)"
# Running is counted, never stored, so it cannot drift; who waits for a person takes no slot (W122).
AT_WORK = """
select j.tenant_id, j.lane, count(*)::int as running from runs r join jobs j using (tenant_id, job_id)
where r.status = 'started' and r.machine <> 'tasks' and j.status in ('queued','running','retrying')
  and j.waiting_on is null
group by j.tenant_id, j.lane"""
DEMAND = """
select lane from unnest(%s::text[]) lane
where exists (select from jobs j where j.status = 'queued' and j.lane = lane.lane
  and j.available_at <= clock_timestamp() and exists (select from runs s where s.tenant_id = j.tenant_id
    and s.job_id = j.job_id and s.status = 'created' and s.machine <> 'tasks' offset 0))"""
# One tenant after another by the index, not one job after another: 20,000 queued jobs cost as much as the tenants.
PICK = f"""
with recursive waiting as (
  (select tenant_id from jobs where status = 'queued' and lane = %(lane)s order by tenant_id limit 1)
  union all
  select (select j.tenant_id from jobs j where j.status = 'queued' and j.lane = %(lane)s
    and j.tenant_id > w.tenant_id order by j.tenant_id limit 1) from waiting w where w.tenant_id is not null),
busy as (select * from unnest(%(tenants)s::text[], %(running)s::int[]) as b (tenant_id, running)),
picked as (
  select j.tenant_id, j.job_id, r.run_id, j.job_type, j.resource_id, r.machine, r.execution_name, j.trace_id,
      coalesce(j.payload->>'start_at', 'plan') as start_at
  from waiting w join tenants t on t.tenant_id = w.tenant_id and t.status in ('trial','active')
  left join busy b on b.tenant_id = w.tenant_id
  left join dispatch_turns d on d.tenant_id = w.tenant_id and d.lane = %(lane)s
  cross join lateral (
    select q.tenant_id, q.job_id, q.job_type, q.resource_id, q.trace_id, q.payload
    from jobs q where q.status = 'queued' and q.lane = %(lane)s and q.tenant_id = w.tenant_id
      and q.available_at <= clock_timestamp() and q.deadline_at > clock_timestamp()
      and exists (select from runs s where s.tenant_id = q.tenant_id and s.job_id = q.job_id
        and s.status = 'created' and s.machine <> 'tasks' offset 0)
    order by q.turn desc limit 1) j
  cross join lateral (select s.run_id, s.machine, s.execution_name from runs s
    where s.tenant_id = j.tenant_id and s.job_id = j.job_id and s.status = 'created' order by s.run_no desc limit 1) r
  where coalesce(b.running, 0) < {SLOTS}
  order by coalesce(b.running, 0)::float / {SLOTS}, d.served_at nulls first, w.tenant_id
  limit 1),
marked as (
  update runs r set status = 'started', started_at = clock_timestamp(), updated_at = clock_timestamp()
  from picked p where r.tenant_id = p.tenant_id and r.run_id = p.run_id and r.status = 'created' returning r.run_id),
served as (
  insert into dispatch_turns (tenant_id, lane, served_at) select tenant_id, %(lane)s, clock_timestamp() from picked
  on conflict (tenant_id, lane) do update set served_at = excluded.served_at)
select p.* from picked p join marked m using (run_id)"""


UNSTARTED = """
select j.tenant_id, j.job_id, r.run_id, j.job_type, j.resource_id, r.machine, r.execution_name, j.trace_id,
    coalesce(j.payload->>'start_at', 'plan') as start_at
from runs r join jobs j using (tenant_id, job_id)
where r.status = 'started' and r.machine <> 'tasks' and r.execution_ref is null
  and j.status in ('queued','running','retrying')
  and r.started_at < clock_timestamp() - %s * interval '1 second'
order by r.started_at limit %s"""


class PostgresDispatch:
    """The Dispatch port."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> None:
        self._pool = pool

    def next_job(self, *, lane: str, max_running: int) -> Startable | None:
        """Mark the next job's run started and return it, or None: nothing is due or no slot is free.

        One dispatcher at a time, for all lanes, so that no cap is ever exceeded (W122)."""
        # one trip to the server for what decides whether there is anything to do: most messages find nothing (W13)
        with self._pool.connection() as connection, connection.pipeline(), connection.transaction():
            connection.execute(LOCK)
            at_work, wanted = connection.execute(AT_WORK), connection.execute(DEMAND, (list(LANES),))
            by_tenant, by_lane = Counter[str](), Counter[str]()
            for tenant_id, lane_of, running in at_work.fetchall():
                by_tenant[tenant_id] += running
                by_lane[lane_of] += running
            demand = {row[0] for row in wanted.fetchall()}
            if lane not in demand or not has_slot(lane, by_lane, demand, max_running=max_running):
                return None
            asked = {"lane": lane, "tenants": list(by_tenant), "running": list(by_tenant.values())}
            cursor = connection.cursor(row_factory=class_row(Startable))
            return cursor.execute(PICK, asked).fetchone()

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
