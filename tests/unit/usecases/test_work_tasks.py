"""Task jobs under a lease: claimed once, retried later, taken over, dead-lettered (spec W18, W19)."""

from datetime import UTC, datetime

import pytest

from infra.local.postgres import Databases
from shared.adapters.lease_keeper import keep_renewing
from shared.domain.errors import Permanent, Refused, Retryable
from shared.domain.jobs import Job
from shared.usecases.cancel_job import CancelJob, cancel_job
from shared.usecases.reconcile_leases import ReconcileLeases, reconcile_leases
from shared.usecases.work_tasks import claim
from tests.evaluation_seed import Seed
from tests.exports import a_report, export_of, make_due, render, requested, work
from tests.failures.waiting import wait_for
from tests.records import Shifted, ids, make_records
from tests.rows import last_frame
from tests.sweeping import sweep


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


def out(job: Job, run_id: str) -> None:
    raise Retryable("DEPENDENCY_UNAVAILABLE")


def lease_seconds(seed: Seed, job_id: str) -> float:
    query = (
        "select extract(epoch from lease_expires_at - clock_timestamp())::float as s from jobs where job_id = %(id)s"
    )
    row = seed.records.session.row(query, id=job_id)
    assert row is not None
    return float(row["s"])


def test_a_job_is_claimed_by_one_worker_worked_and_ended_with_its_run(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    seen = []

    def act(job: Job, run_id: str) -> None:
        seen.append((job.status, job.claim_token, run_id))
        assert 50 < lease_seconds(seed, job.job_id) <= 60
        assert claim(make_records(databases, job.tenant_id), ids, job.job_id) is None
        render(seed, job, run_id)

    assert work(seed, made.job, act).error_code is None
    assert seen == [("running", made.run_id, made.run_id)]
    assert (seed.records.jobs.get(made.job.job_id).status, seed.records.jobs.run(made.run_id).status) == (
        "succeeded",
        "succeeded",
    )
    assert work(seed, made.job, out).job_id is None


def test_a_retryable_error_releases_the_job_for_later_and_the_fourth_is_a_dead_letter(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    for attempt, least in ((1, 0.5), (2, 1.5), (3, 3.5)):
        work(seed, made.job, out)
        job = seed.records.jobs.get(made.job.job_id)
        assert (job.status, job.retry_count, job.lease_expires_at) == ("retrying", attempt, None)
        query = "select available_at - updated_at > %(s)s * interval '1 s' as later from jobs where job_id = %(id)s"
        assert seed.records.session.row(query, s=least, id=job.job_id) == {"later": True}
        seed.records.session.execute(
            "update jobs set available_at = available_at + interval '1 hour' where job_id = %(id)s", id=job.job_id
        )
        with pytest.raises(Retryable):  # the message comes again while it is not due
            work(seed, made.job, out)
        make_due(seed, job)
    work(seed, made.job, out)
    ended, export = seed.records.jobs.get(made.job.job_id), export_of(seed, made)
    assert (ended.status, ended.error_code) == ("failed", "DEPENDENCY_UNAVAILABLE") and ended.dlq_id
    assert (export.status, export.error_code) == ("failed", "DEPENDENCY_UNAVAILABLE")
    assert seed.records.jobs.run(made.run_id).status == "failed"


def test_a_permanent_error_is_a_dead_letter_at_once(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)

    def broken(job: Job, run_id: str) -> None:
        raise Permanent("DATA_CORRUPTED")

    work(seed, made.job, broken)
    ended = seed.records.jobs.get(made.job.job_id)
    assert (ended.status, ended.error_code, ended.retry_count) == ("failed", "DATA_CORRUPTED", 0)
    assert export_of(seed, made).status == "failed"


def test_a_retry_wakes_the_workers_of_tasks(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    work(seed, made.job, out)
    query = "select payload from outbox_events where event_type = 'job.retry.scheduled' and job_id = %(id)s"
    row = seed.records.session.row(query, id=made.job.job_id)
    assert row is not None and (row["payload"]["job_type"], row["payload"]["lane"]) == ("export", "standard")


def test_f28_the_new_owner_of_an_expired_lease_finishes_and_the_old_write_touches_nothing(
    databases: Databases,
) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    slow = claim(seed.records, ids, made.job.job_id)
    assert slow is not None
    make_due(seed, slow.job, lease=True)
    assert work(seed, made.job, lambda job, run: render(seed, job, run)).error_code is None
    done, newest = export_of(seed, made), seed.records.jobs.newest_run(made.job.job_id)
    assert (newest.run_no, newest.status, done.status) == (2, "succeeded", "ready")
    assert seed.records.jobs.run(slow.run_id).status == "lost"
    assert last_frame(seed.records, slow.run_id) == ("run.closed", {"status": "lost", "next_run_id": newest.run_id})
    assert not seed.records.tasks.renew(slow.job.job_id, slow.run_id)
    with pytest.raises(Refused, match="another run"):
        render(seed, slow.job, slow.run_id)
    assert export_of(seed, made) == done


def test_f28_the_fence_refuses_the_old_worker_while_the_new_one_works(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    slow = claim(seed.records, ids, made.job.job_id)
    assert slow is not None
    make_due(seed, slow.job, lease=True)
    owner = claim(seed.records, ids, made.job.job_id)
    assert owner is not None and owner.run_id != slow.run_id and owner.job.retry_count == 1
    old = make_records(databases, made.job.tenant_id)
    old.session.fence(slow.job.job_id, slow.run_id)
    with pytest.raises(Refused, match="another run"):
        old.exports.ready(made.export.export_id, object_key="x", object_version="1", sha256="0" * 64, size_bytes=1)
    assert export_of(seed, made).status == "queued"


def test_f28_a_lease_released_by_the_sweep_gets_a_new_run_too(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    slow = claim(seed.records, ids, made.job.job_id)
    assert slow is not None
    make_due(seed, slow.job, lease=True)
    sweep(databases, reconcile_leases, ReconcileLeases())
    owner = claim(seed.records, ids, made.job.job_id)
    assert owner is not None and seed.records.jobs.run(owner.run_id).run_no == 2


def test_after_the_last_try_an_expired_lease_is_left_to_the_sweep(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    assert claim(seed.records, ids, made.job.job_id)
    seed.records.session.execute("update jobs set retry_count = 3 where job_id = %(id)s", id=made.job.job_id)
    make_due(seed, made.job, lease=True)
    assert claim(seed.records, ids, made.job.job_id) is None
    sweep(databases, reconcile_leases, ReconcileLeases())
    assert (seed.records.jobs.get(made.job.job_id).status, export_of(seed, made).status) == ("failed", "failed")


@pytest.mark.parametrize("minutes", [-5, 5])
def test_f31_a_worker_whose_clock_is_5_min_off_gives_the_same_lease(databases: Databases, minutes: int) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    skewed = make_records(databases, made.job.tenant_id)
    skewed.moves._clock = Shifted(minutes)

    def act(job: Job, run_id: str) -> None:
        assert 50 < lease_seconds(seed, job.job_id) <= 60
        assert claim(skewed, ids, job.job_id) is None  # a living lease, whatever this worker's clock says
        make_due(seed, job, lease=True)
        assert claim(skewed, ids, job.job_id) is not None

    work(seed, made.job, act, clock=Shifted(minutes))


def test_a_lease_is_renewed_while_the_work_goes_on_and_not_after_it_is_lost(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    claimed = claim(seed.records, ids, made.job.job_id)
    assert claimed is not None
    other, calls = make_records(databases, made.job.tenant_id).tasks, []

    def renew() -> bool:
        calls.append(other.renew(claimed.job.job_id, claimed.run_id))
        return calls[-1]

    make_due(seed, claimed.job, lease=True)
    with keep_renewing(renew, every=0.02):
        wait_for(lambda: lease_seconds(seed, made.job.job_id) > 30)
        cancel_job(CancelJob(job_id=made.job.job_id, reason="x"), records=seed.records)
        wait_for(lambda: calls[-1] is False)
    assert calls.count(False) == 1


def test_a_job_past_its_deadline_is_not_begun(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    seed.records.session.execute(
        "update jobs set deadline_at = %(t)s where job_id = %(id)s", t=past, id=made.job.job_id
    )
    assert claim(seed.records, ids, made.job.job_id) is None


def test_a_retry_goes_on_after_the_deadline_that_the_job_met(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    work(seed, made.job, out)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    seed.records.session.execute(
        "update jobs set deadline_at = %(t)s where job_id = %(id)s", t=past, id=made.job.job_id
    )
    make_due(seed, made.job)
    assert claim(seed.records, ids, made.job.job_id) is not None


def test_a_canceled_export_says_so_and_its_worker_writes_nothing_more(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)

    def act(job: Job, run_id: str) -> None:
        cancel_job(CancelJob(job_id=job.job_id, reason="x"), records=make_records(databases, job.tenant_id))
        render(seed, job, run_id)

    assert work(seed, made.job, act).error_code == "JOB_CANCELED"
    export = export_of(seed, made)
    assert (export.status, export.error_code) == ("failed", "JOB_CANCELED")
    assert seed.records.jobs.get(made.job.job_id).status == "canceled"
