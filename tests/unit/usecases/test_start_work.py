"""StartWork on real rows and the real local executions."""

import psycopg

from infra.local.postgres import Databases
from shared.adapters.local_workflows import LocalWorkflows
from shared.adapters.postgres.dispatch import PostgresDispatch
from shared.usecases.start_work import StartedWork, StartWork, start_work
from tests.records import make_records, pool
from tests.rows import a_document, an_ingest_job


def start(databases: Databases) -> StartedWork:
    """Call the use case with real adapters."""
    return start_work(
        StartWork(),
        dispatch=PostgresDispatch(pool(databases.dispatch_url)),
        workflows=LocalWorkflows(pool(databases.platform_url)),
        max_running=10_000,
        time_left=lambda: 100.0,
    )


def executions(databases: Databases, name: str) -> int:
    """How many executions have this name."""
    with psycopg.connect(databases.platform_url) as connection:
        row = connection.execute("select count(*) from local_platform.executions where name = %s", (name,)).fetchone()
    return int(row[0]) if row else 0


def test_a_queued_job_gets_one_execution_under_its_name(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records), lane="interactive")
    assert start(databases).started >= 1
    start(databases)
    run = records.jobs.newest_run(job.job_id)
    assert (run.status, run.execution_name) == ("started", f"{job.job_id}-1")
    assert run.execution_ref
    assert executions(databases, run.execution_name) == 1


def test_without_time_left_nothing_is_started(databases: Databases) -> None:
    records = make_records(databases)
    an_ingest_job(records, a_document(records), lane="bulk")
    done = start_work(
        StartWork(),
        dispatch=PostgresDispatch(pool(databases.dispatch_url)),
        workflows=LocalWorkflows(pool(databases.platform_url)),
        max_running=10_000,
        time_left=lambda: 5.0,
    )
    assert done.started == 0
