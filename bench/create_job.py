"""Latency of accepting a job in process, 10 and 50 clients in parallel (goal O8: P95 < 30 ms with 10)."""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from bench.results import percentile, write
from infra.local.embedded_server import stop_server
from infra.local.postgres import ensure_database
from infra.local.tenants import ensure_tenant
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.postgres.session import open_pool
from shared.adapters.system import SystemClock, SystemIds
from shared.domain.context import Actor
from shared.domain.jobs import Job

CLIENTS, CALLS = (10, 50), 1000


def measure(clients: int) -> list[float]:
    """Milliseconds of each of 1,000 accepted jobs of one tenant, over a durable (fsync) embedded server."""
    clock = SystemClock()
    ids = SystemIds(clock)
    with tempfile.TemporaryDirectory() as folder:
        databases = ensure_database(Path(folder))
        tenant = ensure_tenant(databases.owner_url, issuer="bench", tier="enterprise")
        pool = open_pool(databases.app_url, size=clients)
        actor = Actor(tenant_id=tenant.tenant_id, actor_id=tenant.user_ids["agent"])

        def client(_: int) -> list[float]:
            times = []
            for _ in range(CALLS // clients):
                records = PostgresRecords(pool, actor, clock=clock, ids=ids, audit_key=b"b" * 32)
                job = Job(
                    job_id=ids.new("job"),
                    tenant_id=actor.tenant_id,
                    job_type="ingest_document",
                    resource_type="document",
                    resource_id=ids.new("doc"),
                    deadline_at=clock.now() + timedelta(hours=5),
                )
                began = time.perf_counter()
                records.jobs.accept(job, run_id=ids.new("run"))
                times.append((time.perf_counter() - began) * 1000)
            return times

        with ThreadPoolExecutor(clients) as threads:
            times = [t for portion in threads.map(client, range(clients)) for t in portion]
        pool.close()
        stop_server(Path(folder) / "postgres")
    return times


def main() -> None:
    """Both numbers of clients, each on a new server."""
    figures: dict[str, float] = {"calls": CALLS}
    for clients in CLIENTS:
        times = measure(clients)
        more = "" if clients == CLIENTS[0] else f"_{clients}_clients"
        figures |= {f"p{int(s * 100)}_ms{more}": round(percentile(times, s), 1) for s in (0.5, 0.95, 0.99)}
    write("create_job", {**figures, "clients": CLIENTS[0]}, goal="P95 < 30 ms")


if __name__ == "__main__":
    main()
