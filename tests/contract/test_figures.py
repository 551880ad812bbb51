"""What the look of each minute at the rows tells: waiting, running, overdue, shares, outbox, breakers (section 1)."""

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.breakers import PostgresBreakers
from shared.adapters.postgres.figures import PostgresFigures
from shared.domain.breakers import FAILURES_TO_OPEN
from shared.domain.metrics import LONG_JOB_SECONDS, METRICS, SMALLEST_SAMPLE
from tests.dead_letters import failed
from tests.records import make_records, pool
from tests.rows import a_document, an_ingest_job


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """Figures are over all tenants."""
    return own_databases


def figures(databases: Databases) -> dict[str, float]:
    found = PostgresFigures(pool(databases.sweep_url), pool(databases.app_url)).read()
    return {figure.metric + "".join(figure.labels.values()): figure.value for figure in found}


def change(databases: Databases, statement: str) -> None:
    """As the owner, whom the test lets see all rows for this moment."""
    with psycopg.connect(databases.owner_url) as connection:
        tables = ("jobs", "runs", "outbox_events")
        for table in tables:
            connection.execute(f"alter table {table} no force row level security")
        connection.execute(statement)
        for table in tables:
            connection.execute(f"alter table {table} force row level security")


def test_an_empty_stage_has_every_figure_and_all_are_nothing(databases: Databases) -> None:
    change(databases, "truncate jobs, dlq_items, outbox_events, circuit_breakers cascade")
    found = PostgresFigures(pool(databases.sweep_url), pool(databases.app_url)).read()
    assert {figure.value for figure in found} == {0.0}
    for figure in found:
        metric = METRICS[figure.metric]
        assert metric.kind == "gauge" and set(figure.labels) == set(metric.labels)
    gauges = {name for name, metric in METRICS.items() if metric.kind == "gauge"}
    assert {figure.metric for figure in found} == gauges


def test_work_is_counted_as_it_waits_runs_takes_long_and_fails(databases: Databases) -> None:
    records = make_records(databases)
    jobs = [an_ingest_job(records, a_document(records)) for _ in range(SMALLEST_SAMPLE)]
    change(databases, "update jobs set available_at = available_at - interval '20 min'")
    first = figures(databases)
    assert first["jobs_queuedstandard"] == SMALLEST_SAMPLE and first["jobs_queuedbulk"] == 0
    assert first["oldest_queued_seconds"] >= 1200 and first["jobs_running"] == 0
    assert first["outbox_oldest_seconds"] > 0
    change(databases, "update jobs set status = 'running'")
    running = figures(databases)
    assert (running["jobs_running"], running["tenant_share"], running["overdue_running_jobs"]) == (
        SMALLEST_SAMPLE,
        1,
        0,
    )
    change(
        databases,
        f"update runs set status = 'started', started_at = clock_timestamp() - interval '{LONG_JOB_SECONDS + 1} s'",
    )
    assert figures(databases)["overdue_running_jobs"] == SMALLEST_SAMPLE
    for job in jobs[:2]:
        failed(records, records.jobs.get(job.job_id))
    change(databases, "update jobs set status = 'succeeded' where status = 'running'")
    ended = figures(databases)
    assert ended["run_failure_share"] == ended["dead_letter_share"] == pytest.approx(2 / SMALLEST_SAMPLE)
    assert ended["dead_letters_open"] == 2 and ended["jobs_running"] == 0


def test_an_open_breaker_is_counted(databases: Databases) -> None:
    breakers = PostgresBreakers(pool(databases.app_url))
    for _ in range(FAILURES_TO_OPEN):
        breakers.failed("model/x")
    assert figures(databases)["breakers_open"] == 1
