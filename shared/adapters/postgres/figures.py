"""What only the rows know about the whole stage: waiting, running, failed, overdue (spec table of section 1)."""

from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from shared.adapters.postgres.session import translate
from shared.domain.executions import LANES
from shared.domain.metrics import LONG_JOB_SECONDS, SMALLEST_SAMPLE, Figure

# As bidproof_sweep, which sees ids, states and times of all tenants.
STATE = """
with running as (select tenant_id from jobs where status in ('running', 'retrying') and waiting_on is null),
ended as (
  select status, count(*) filter (where updated_at > clock_timestamp() - interval '1 hour') as hour, count(*) as day
  from jobs where status in ('succeeded', 'failed') and updated_at > clock_timestamp() - interval '1 day'
  group by status),
sums as (select coalesce(sum(hour), 0)::float as hour, coalesce(sum(day), 0)::float as day,
  coalesce(sum(day) filter (where status = 'failed'), 0)::float as failed from ended)
select
  (select count(*) from running)::float as jobs_running,
  (select case when sum(c) >= %(few)s then max(c) / sum(c) else 0 end
    from (select count(*) as c from running group by tenant_id) t)::float as tenant_share,
  (select coalesce(max(extract(epoch from clock_timestamp() - available_at)), 0) from jobs
    where status = 'queued' and available_at <= clock_timestamp())::float as oldest_queued_seconds,
  (select count(*) from jobs j join runs r using (tenant_id, job_id) where j.status in ('running', 'retrying')
    and j.waiting_on is null and r.status = 'started' and r.started_at < clock_timestamp() - %(long)s * interval '1 s'
    and not exists (select from waits w where w.tenant_id = r.tenant_id and w.run_id = r.run_id))::float
    as overdue_running_jobs,
  (select count(*) from dlq_items where status = 'open')::float as dead_letters_open,
  (select case when sums.hour >= %(few)s then (select count(*) from dlq_items
    where created_at > clock_timestamp() - interval '1 hour') / sums.hour else 0 end from sums)::float
    as dead_letter_share,
  (select case when day >= %(few)s then failed / day else 0 end from sums)::float as run_failure_share,
  (select coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0) from outbox_events
    where status = 'pending')::float as outbox_oldest_seconds,
  (select count(*) from reviews where status in ('open', 'claimed'))::float as open_reviews,
  (select coalesce(extract(epoch from clock_timestamp() - min(opened_at)), 0) from reviews
    where status in ('open', 'claimed'))::float as oldest_review_seconds,
  (select count(*) from reviews where status in ('open', 'claimed') and due_at < clock_timestamp())::float
    as overdue_reviews"""
QUEUED = "select lane, count(*)::float from jobs where status = 'queued' group by lane"
# As bidproof_app: breakers belong to the platform and to no tenant.
OPEN = "select count(*)::float from circuit_breakers where opened_at is not null"


class PostgresFigures:
    """The Figures port."""

    def __init__(
        self, sweep: ConnectionPool[psycopg.Connection[Any]], app: ConnectionPool[psycopg.Connection[Any]]
    ) -> None:
        self._sweep, self._app = sweep, app

    def read(self) -> list[Figure]:
        """All of them at one moment; raises Retryable DEPENDENCY_UNAVAILABLE when the database is out."""
        try:
            with self._sweep.connection() as connection:
                cursor = connection.execute(STATE, {"few": SMALLEST_SAMPLE, "long": LONG_JOB_SECONDS})
                names, row = [column.name for column in cursor.description or ()], cursor.fetchone() or ()
                lanes = dict.fromkeys(LANES, 0.0) | dict(connection.execute(QUEUED).fetchall())
            with self._app.connection() as connection:
                breakers = (connection.execute(OPEN).fetchone() or (0.0,))[0]
        except psycopg.OperationalError as error:
            raise translate(error) from error
        found = [Figure(metric=name, value=value) for name, value in zip(names, row, strict=True)]
        found += [Figure(metric="jobs_queued", value=count, labels={"lane": lane}) for lane, count in lanes.items()]
        return [*found, Figure(metric="breakers_open", value=breakers)]
