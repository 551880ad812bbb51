"""Latency of claiming the next job with 20,000 queued and 10 workers (goal O84, W125: P95 <= 200 ms; aim 20 ms)."""

import tempfile
import threading
import time
from pathlib import Path

import psycopg

from bench.results import percentile, write
from infra.local.postgres import Databases, ensure_database
from shared.adapters.postgres.dispatch import PostgresDispatch
from shared.adapters.postgres.session import open_pool
from shared.adapters.system import SystemClock, SystemIds
from shared.domain.executions import Startable

TENANTS, JOBS, WORKERS, CLAIMS = 10, 2000, 10, 1000
_TENANT = """
insert into tenants (tenant_id, code, name, status, tier)
values (%(tenant)s, %(tenant)s, 'Bench', 'active', 'enterprise')"""
_JOBS = """
with made as (
  insert into jobs (job_id, job_type, resource_type, resource_id, status, deadline_at, turn)
  select 'job_' || lpad(n::text, 26, '0'), 'evaluate_bid', 'evaluation', 'evl_' || n, 'queued',
    clock_timestamp() + interval '1 day', 300 - extract(epoch from clock_timestamp()) + n / 1000.0
  from generate_series(1, %(jobs)s) n returning job_id)
insert into runs (run_id, job_id, run_no, machine, machine_version, execution_name, status)
select replace(job_id, 'job_', 'run_'), job_id, 1, 'evaluate_bid', '1', %(tenant)s || job_id, 'created' from made"""
_ENDED = """with ended as (update runs set status = 'succeeded' where tenant_id = %(tenant)s and run_id = %(run)s)
update jobs set status = 'succeeded' where tenant_id = %(tenant)s and job_id = %(job)s"""


def fill(databases: Databases) -> None:
    """Ten tenants with 2,000 queued jobs each, the most that a tenant may have (W124)."""
    ids = SystemIds(SystemClock())
    with psycopg.connect(databases.owner_url, autocommit=True) as connection:
        for _ in range(TENANTS):
            values = {"tenant": ids.new("ten"), "jobs": JOBS}
            with connection.transaction():
                connection.execute("select set_config('app.tenant_id', %(tenant)s, true)", values)
                connection.execute(_TENANT, values)
                connection.execute(_JOBS, values)
        connection.execute("analyze")


class Workers:
    """Starters that claim until enough was claimed; each job ends at once, outside of the measured time."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._dispatch = PostgresDispatch(open_pool(databases.dispatch_url, size=WORKERS))
        self._lock = threading.Lock()
        self.times: list[float] = []
        self.claimed: set[str] = set()

    def work(self) -> None:
        """One worker."""
        with psycopg.connect(self._databases.owner_url, autocommit=True) as connection:
            while len(self.times) < CLAIMS:
                began = time.perf_counter()
                job = self._dispatch.next_job(lane="standard", max_running=200)
                took = (time.perf_counter() - began) * 1000
                if job is None:
                    continue
                with self._lock:
                    self.times.append(took)
                    self.claimed.add(job.run_id + job.tenant_id)
                self._end(connection, job)

    def _end(self, connection: psycopg.Connection[tuple[object, ...]], job: Startable) -> None:
        values = {"tenant": job.tenant_id, "run": job.run_id, "job": job.job_id}
        with connection.transaction():
            connection.execute("select set_config('app.tenant_id', %(tenant)s, true)", values)
            connection.execute(_ENDED, values)


def main() -> None:
    """1,000 claims by 10 workers over a durable (fsync) embedded server."""
    with tempfile.TemporaryDirectory() as folder:
        databases = ensure_database(Path(folder))
        fill(databases)
        workers = Workers(databases)
        threads = [threading.Thread(target=workers.work) for _ in range(WORKERS)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - began
    figures = {f"p{int(s * 100)}_ms": round(percentile(workers.times, s), 1) for s in (0.5, 0.95, 0.99)}
    claims = len(workers.times)
    more = {"queued": TENANTS * JOBS, "workers": WORKERS, "claims": claims, "twice": claims - len(workers.claimed)}
    per_minute = {"claims_per_minute": round(claims / seconds * 60)}
    write("claim", {**figures, **per_minute, **more}, goal="P95 <= 200 ms (aim 20), >= 100 a minute, 0 twice")


if __name__ == "__main__":
    main()
