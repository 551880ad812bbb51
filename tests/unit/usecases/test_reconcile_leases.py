"""A task job whose worker went silent is taken back while attempts remain."""

import pytest

from infra.local.events import routes
from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.errors import Retryable
from shared.domain.jobs import Job
from shared.domain.sweeps import Swept
from shared.usecases.reconcile_leases import ReconcileLeases, reconcile_leases
from tests.exports import a_report, render, requested, work
from tests.records import make_records
from tests.rows import a_document, an_ingest_job
from tests.sweeping import age, findings, sweep


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


def reconcile(databases: Databases) -> Swept:
    return sweep(databases, reconcile_leases, ReconcileLeases())["expired_leases"]


def leased_job(records: PostgresRecords, *, ends_in: int, retry_count: int = 0) -> Job:
    """A running job under a lease; any kind will do, the sweep looks at the lease only."""
    job = an_ingest_job(records, a_document(records, status="parsing"))
    job = records.moves.job(job, "running", claim_token="task_worker", retry_count=retry_count)
    records.session.execute(
        "update jobs set lease_expires_at = clock_timestamp() + %(s)s * interval '1 s' where job_id = %(id)s",
        s=ends_in,
        id=job.job_id,
    )
    return job


def test_an_expired_lease_is_released_once_and_a_living_one_is_kept(databases: Databases) -> None:
    records = make_records(databases)
    expired, living = leased_job(records, ends_in=-1), leased_job(records, ends_in=60)
    assert reconcile(databases).repaired == 1
    assert reconcile(databases).found == 0
    again = records.jobs.get(expired.job_id)
    assert (again.status, again.claim_token, again.retry_count) == ("retrying", None, 1)
    assert records.jobs.get(living.job_id).claim_token == "task_worker"
    assert len(findings(records, "expired_leases", expired.job_id)) == 1


def test_after_the_last_attempt_it_is_a_dead_letter(databases: Databases) -> None:
    records = make_records(databases)
    job = leased_job(records, ends_in=-1, retry_count=3)
    assert reconcile(databases).repaired == 1
    ended = records.jobs.get(job.job_id)
    assert (ended.status, ended.error_code) == ("failed", "RECONCILED_STALE_CLAIM")
    assert ended.dlq_id


def test_a_retry_whose_wake_up_was_lost_is_told_again_once_a_minute_and_worked(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)

    def fail(job: Job, run_id: str) -> None:
        raise Retryable("DEPENDENCY_UNAVAILABLE")

    assert work(seed, made.job, fail).error_code == "DEPENDENCY_UNAVAILABLE"
    assert seed.records.jobs.get(made.job.job_id).status == "retrying"
    wakes = "select payload from outbox_events where event_type = 'job.retry.scheduled' and job_id = %(id)s"
    before = seed.records.session.rows(wakes, id=made.job.job_id)
    assert sweep(databases, reconcile_leases, ReconcileLeases())["forgotten_retries"].found == 0, "not due yet"
    age(databases, "jobs", "job_id", made.job.job_id, available_at=61 + 2)
    assert sweep(databases, reconcile_leases, ReconcileLeases())["forgotten_retries"].repaired == 1
    assert sweep(databases, reconcile_leases, ReconcileLeases())["forgotten_retries"].found == 0
    told = seed.records.session.rows(wakes, id=made.job.job_id)
    assert len(told) == len(before) + 1
    event = {"event_type": "job.retry.scheduled", "payload": told[-1]["payload"]}
    assert [queue for queue in routes(event) if queue.startswith("tasks-")] == [f"tasks-{made.job.lane}"]
    assert len(findings(seed.records, "forgotten_retries", made.job.job_id)) == 1
    assert work(seed, made.job, lambda job, run: render(seed, job, run)).error_code is None
    assert seed.records.jobs.get(made.job.job_id).status == "succeeded"


def test_a_retry_of_a_state_machine_is_left_to_its_execution(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records, status="parsing"))
    records.moves.job(records.moves.job(job, "running"), "retrying")
    age(databases, "jobs", "job_id", job.job_id, available_at=3600)
    assert sweep(databases, reconcile_leases, ReconcileLeases())["forgotten_retries"].found == 0
