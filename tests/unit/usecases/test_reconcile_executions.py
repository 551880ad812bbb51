"""Jobs and executions that do not agree are settled, once."""

import pytest

from infra.local.postgres import Databases
from shared.adapters.local_workflows import LocalWorkflows
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.jobs import Job
from shared.domain.sweeps import Swept
from shared.usecases.claim_job import ClaimJob, claim_job
from shared.usecases.reconcile_executions import ReconcileExecutions, reconcile_executions
from shared.usecases.reconcile_runs import ReconcileRuns, reconcile_runs
from shared.usecases.start_release import StartRelease, start_release
from tests.records import clock, ids, make_records, pool
from tests.releases import Platform
from tests.rows import a_document, an_ingest_job, last_frame
from tests.sweeping import age, findings, sweep
from tests.unit.usecases.test_start_work import executions, start


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


def reconcile(databases: Databases) -> dict[str, Swept]:
    return sweep(databases, reconcile_executions, ReconcileExecutions())


def workflows(databases: Databases) -> LocalWorkflows:
    return LocalWorkflows(pool(databases.platform_url))


def running_job(databases: Databases, records: PostgresRecords) -> Job:
    """A started job whose ClaimJob ran; nobody works on its execution."""
    job = an_ingest_job(records, a_document(records), lane="interactive")
    start(databases)
    claim(records, job)
    return records.jobs.get(job.job_id)


def claim(records: PostgresRecords, job: Job) -> None:
    run = records.jobs.newest_run(job.job_id)
    assert claim_job(ClaimJob(job_id=job.job_id, run_id=run.run_id), records=records).claimed


def let_it_be_silent(databases: Databases, records: PostgresRecords, job: Job) -> str:
    """Ten minutes pass without an event; the reference of the newest execution."""
    run = records.jobs.newest_run(job.job_id)
    age(databases, "jobs", "job_id", job.job_id, updated_at=601)
    age(databases, "runs", "run_id", run.run_id, started_at=601)
    age(databases, "run_events", "run_id", run.run_id, occurred_at=601)
    return run.execution_ref or ""


def lose(databases: Databases, records: PostgresRecords, job: Job) -> None:
    workflows(databases).stop(let_it_be_silent(databases, records, job), cause="a test")


def test_a_long_execution_that_still_runs_is_left_alone(databases: Databases) -> None:
    records = make_records(databases)
    job = running_job(databases, records)
    let_it_be_silent(databases, records, job)
    assert reconcile(databases)["silent_executions"].repaired == 0
    assert records.jobs.get(job.job_id) == job or records.jobs.get(job.job_id).status == "running"
    workflows(databases).stop(records.jobs.newest_run(job.job_id).execution_ref or "", cause="the end of the test")
    reconcile(databases)


def test_a_lost_execution_is_run_once_more_and_the_second_time_dead_lettered(databases: Databases) -> None:
    records = make_records(databases)
    job = running_job(databases, records)
    first = records.jobs.newest_run(job.job_id)
    lose(databases, records, job)
    assert reconcile(databases)["silent_executions"].repaired == 1
    assert reconcile(databases)["silent_executions"].found == 0
    second = records.jobs.newest_run(job.job_id)
    assert (records.jobs.run(first.run_id).status, second.run_no, second.status) == ("lost", 2, "started")
    assert last_frame(records, first.run_id) == ("run.closed", {"status": "lost", "next_run_id": second.run_id})
    assert (records.jobs.get(job.job_id).status, records.jobs.get(job.job_id).claim_token) == ("retrying", None)
    age(databases, "runs", "run_id", second.run_id, started_at=61)
    sweep(databases, reconcile_runs, ReconcileRuns())
    assert executions(databases, f"{job.job_id}-2") == 1
    stale = ClaimJob(job_id=job.job_id, run_id=first.run_id)
    assert not claim_job(stale, records=records).claimed
    claim(records, job)
    lose(databases, records, job)
    assert reconcile(databases)["silent_executions"].repaired == 1
    ended = records.jobs.get(job.job_id)
    assert (ended.status, ended.error_code) == ("failed", "WF_EXECUTION_LOST")
    assert ended.dlq_id and records.jobs.newest_run(job.job_id).status == "lost"
    assert last_frame(records, second.run_id) == ("run.closed", {"status": "lost"})
    assert len(findings(records, "silent_executions", job.job_id)) == 2


@pytest.mark.parametrize("status", ["canary", "rolling_back"])
def test_a_lost_release_is_not_run_again_but_told(databases: Databases, status: str) -> None:
    platform = Platform(databases)
    platform.clear()
    asked = StartRelease(release_id=platform.draft().release_id)
    made = start_release(asked, records=platform.records, ids=ids, clock=clock)
    start(databases)
    claim(platform.records, made.job)
    release = platform.set(made.release, status=status, weight=10, wanted=10)
    lose(databases, platform.records, made.job)
    assert reconcile(databases)["silent_executions"] == Swept(
        sweep="silent_executions", found=1, repaired=1, error_code=None
    )
    ended = platform.records.jobs.get(made.job.job_id)
    assert (ended.status, ended.error_code) == ("failed", "WF_EXECUTION_LOST")
    assert platform.records.jobs.newest_run(ended.job_id).run_no == 1
    told = platform.records.session.rows("select payload from outbox_events where event_type = 'alert.raised'")
    assert told[-1]["payload"]["release_id"] == release.release_id
    assert platform.set(release).status == status


def test_an_ended_execution_with_a_complete_result_closes_the_job(databases: Databases) -> None:
    records = make_records(databases)
    job = running_job(databases, records)
    for to in ("parsed", "indexing", "indexed"):
        records.moves.document(records.documents.get(job.resource_id), to)
    lose(databases, records, job)
    assert reconcile(databases)["silent_executions"].repaired == 1
    assert records.jobs.get(job.job_id).status == "succeeded"
    assert records.jobs.newest_run(job.job_id).status == "succeeded"


@pytest.mark.parametrize("ago", [0, 61])
def test_the_execution_of_a_canceled_job_is_stopped_after_a_minute(databases: Databases, ago: int) -> None:
    records = make_records(databases)
    job = running_job(databases, records)
    records.moves.job(job, "canceled", error_code="JOB_CANCELED")
    age(databases, "jobs", "job_id", job.job_id, updated_at=ago)
    assert reconcile(databases)["unstopped_executions"].repaired == (1 if ago else 0)
    assert reconcile(databases)["unstopped_executions"].repaired == 0
    execution = workflows(databases).describe(records.jobs.newest_run(job.job_id).execution_ref or "")
    assert execution is not None and execution.status == ("aborted" if ago else "running")
