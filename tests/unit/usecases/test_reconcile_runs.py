"""Half-started runs are started under their name, forgotten jobs wake the starter."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.dispatch import PostgresDispatch
from shared.domain.sweeps import Swept
from shared.usecases.reconcile_runs import ReconcileRuns, reconcile_runs
from tests.records import make_records, pool
from tests.rows import a_document, an_ingest_job
from tests.sweeping import age, findings, heartbeat, sweep
from tests.unit.usecases.test_start_work import executions, start


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


def reconcile(databases: Databases, time_left: float = 100.0) -> dict[str, Swept]:
    return sweep(databases, reconcile_runs, ReconcileRuns(), time_left=lambda: time_left)


def mark_all_started(databases: Databases) -> None:
    """What a starter does that dies before it starts an execution."""
    while PostgresDispatch(pool(databases.dispatch_url)).next_job(lane="interactive", max_running=10_000):
        pass


def test_f09_a_run_whose_starter_was_killed_is_started_once_under_the_same_name(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records), lane="interactive")
    mark_all_started(databases)
    run = records.jobs.newest_run(job.job_id)
    reconcile(databases)
    assert (run.status, executions(databases, run.execution_name)) == ("started", 0), "not before the grace time"
    age(databases, "runs", "run_id", run.run_id, started_at=61)
    with ThreadPoolExecutor(2) as both:
        done = [one.result()["unstarted_runs"] for one in [both.submit(reconcile, databases) for _ in range(2)]]
    assert sum(one.repaired for one in done) >= 1
    assert reconcile(databases)["unstarted_runs"].found == 0
    assert executions(databases, run.execution_name) == 1
    assert records.jobs.newest_run(job.job_id).execution_ref
    assert len(findings(records, "unstarted_runs", run.run_id)) == 1
    assert heartbeat(databases, "unstarted_runs").last_ok_at is not None


def test_a_forgotten_job_wakes_the_starter_once_a_minute(databases: Databases) -> None:
    start(databases)
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records), lane="bulk")
    assert reconcile(databases)["forgotten_jobs"].found == 0
    age(databases, "jobs", "job_id", job.job_id, available_at=61)
    age(databases, "runs", "run_id", records.jobs.newest_run(job.job_id).run_id, created_at=61)
    assert reconcile(databases)["forgotten_jobs"].repaired == 1
    assert reconcile(databases)["forgotten_jobs"].found == 0
    told = records.session.rows(
        "select event_id from outbox_events where job_id = %(id)s and event_type = 'job.queued'", id=job.job_id
    )
    assert len(told) == 2
    assert start(databases).started >= 1
    assert executions(databases, f"{job.job_id}-1") == 1


def test_with_less_than_five_seconds_nothing_is_repaired(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records), lane="interactive")
    mark_all_started(databases)
    run = records.jobs.newest_run(job.job_id)
    age(databases, "runs", "run_id", run.run_id, started_at=61)
    done = reconcile(databases, time_left=4.0)["unstarted_runs"]
    assert done.found >= 1 and done.repaired == 0
    assert executions(databases, run.execution_name) == 0
    reconcile(databases)
