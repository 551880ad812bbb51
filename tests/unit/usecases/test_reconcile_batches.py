"""What events did not tell the sweep finds: ends, deadlines, half cancels; and nothing twice (spec W1, W17)."""

import pytest

from infra.local.postgres import Databases
from shared.domain.jobs import Job
from shared.domain.sweeps import Swept
from shared.usecases.cancel_batch import CancelBatch, cancel_batch
from shared.usecases.reconcile_batches import ReconcileBatches, reconcile_batches
from shared.usecases.start_batch import StartedBatch
from shared.wiring.task_work import cancel_item
from tests.batches import a_batch, check, end, jobs_of, states, work_batch
from tests.evaluation_seed import Seed
from tests.exports import a_report
from tests.sweeping import age, findings, sweep


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


@pytest.fixture(scope="module")
def place(databases: Databases) -> tuple[Seed, str]:
    """A tenant with one report."""
    return a_report(databases)


def settle(databases: Databases) -> Swept:
    return sweep(databases, reconcile_batches, ReconcileBatches(), cancel_item=cancel_item)["unsettled_batches"]


def old(databases: Databases, job: Job) -> None:
    age(databases, "jobs", "job_id", job.job_id, updated_at=61)


def status_of(seed: Seed, made: StartedBatch) -> str:
    return seed.records.batches.get(made.batch.batch_id).status


def test_ends_whose_events_got_lost_are_found_once(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 2)
    work_batch(databases, seed, made)
    assert settle(databases).found == 0
    done = [end(seed, found[0]) for found in jobs_of(seed, made).values()]
    assert settle(databases).found == 0  # their events may still come
    old(databases, done[0])
    assert (settle(databases).repaired, settle(databases).found) == (1, 0)
    assert check(seed, made, 2).succeeded == 2 and status_of(seed, made) == "completed"
    assert len(findings(seed.records, "unsettled_batches", made.batch.batch_id)) == 1


def test_after_24_hours_no_item_begins_and_those_under_way_go_on(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made, left = a_batch(seed, [report] * 3), iter([900.0])
    work_batch(databases, seed, made, time_left=lambda: next(left, 0.0))
    age(databases, "jobs", "job_id", made.job.job_id, deadline_at=90_000)
    assert settle(databases).repaired == 1
    late = ("failed", "JOB_DEADLINE_EXCEEDED")
    assert states(seed, made) == [("started", None), late, late]
    work_batch(databases, seed, made)
    [[job_id]] = jobs_of(seed, made).values()
    old(databases, end(seed, job_id))
    assert settle(databases).repaired == 1
    assert check(seed, made, 3).succeeded == 1 and status_of(seed, made) == "completed"


def test_items_of_a_batch_whose_job_died_fail_with_its_code(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 2)
    old(databases, end(seed, made.job.job_id, "failed"))
    assert settle(databases).repaired == 1
    assert states(seed, made) == [("failed", "DATA_CORRUPTED")] * 2
    assert (status_of(seed, made), settle(databases).found) == ("completed", 0)


def test_a_cancel_that_nobody_carried_on_is_carried_on(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 2)
    work_batch(databases, seed, made)
    cancel_batch(CancelBatch(batch_id=made.batch.batch_id, reason="x"), records=seed.records)
    age(databases, "batches", "batch_id", made.batch.batch_id, updated_at=61)
    assert settle(databases).repaired == 1
    assert check(seed, made, 2).canceled == 2 and status_of(seed, made) == "canceled"
    assert settle(databases).found == 0
