"""Items follow the end of their jobs however events come: twice, late, in any order (spec W1, W99, A118)."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Retryable
from shared.usecases.cancel_batch import CancelBatch, cancel_batch
from shared.usecases.follow_batch import FollowBatch, FollowedBatch, follow_batch
from shared.wiring.task_work import cancel_item
from tests.batches import a_batch, check, end, ended, jobs_of, states, work_batch
from tests.evaluation_seed import Seed
from tests.exports import a_report


@pytest.fixture(scope="module")
def place(databases: Databases) -> tuple[Seed, str]:
    """A tenant with one report."""
    return a_report(databases)


def test_each_end_is_counted_once_whatever_comes_twice_and_in_which_order(
    databases: Databases, place: tuple[Seed, str]
) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 3)
    work_batch(databases, seed, made)
    jobs = [found[0] for _, found in sorted(jobs_of(seed, made).items())]
    done = [end(seed, job_id, to) for job_id, to in zip(jobs, ("succeeded", "failed", "canceled"), strict=True)]
    assert ended(seed, done[2]).changed == 5  # three items, the batch and its job
    assert [ended(seed, job).changed for job in (done[0], done[2], done[1], done[1])] == [0, 0, 0, 0]
    assert states(seed, made) == [("succeeded", None), ("failed", "DATA_CORRUPTED"), ("canceled", "JOB_CANCELED")]
    check(seed, made, 3)
    assert seed.records.batches.get(made.batch.batch_id).status == "completed"


def test_progress_of_the_batchs_job_is_the_share_of_ended_items(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 3)
    work_batch(databases, seed, made)
    seen = []
    for found in jobs_of(seed, made).values():
        ended(seed, end(seed, found[0]))
        seen.append(seed.records.jobs.get(made.job.job_id).progress_done)
    assert seen == [33, 66, 100]


def test_the_events_of_its_jobs_name_the_batch(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report])
    work_batch(databases, seed, made)
    [[job_id]] = jobs_of(seed, made).values()
    end(seed, job_id)
    row = seed.records.session.row(
        "select payload from outbox_events where job_id = %(id)s and event_type = 'job.succeeded'", id=job_id
    )
    assert row is not None and row["payload"]["batch_id"] == made.batch.batch_id


def test_a_job_that_is_no_batchs_changes_nothing(place: tuple[Seed, str]) -> None:
    seed, _ = place
    command = FollowBatch(event={"payload": {"job_id": "job_1", "status": "succeeded"}})
    done = follow_batch(command, records=seed.records, cancel_item=cancel_item, time_left=lambda: 900.0)
    assert done == FollowedBatch()


def test_with_short_time_the_message_of_a_cancel_comes_again(databases: Databases, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = a_batch(seed, [report] * 2)
    work_batch(databases, seed, made)
    cancel_batch(CancelBatch(batch_id=made.batch.batch_id, reason="x"), records=seed.records)
    left = iter([900.0, 9.0])
    payload = {"job_id": made.job.job_id, "batch_id": made.batch.batch_id}
    with pytest.raises(Retryable):
        follow_batch(
            FollowBatch(event={"payload": payload}),
            records=seed.records,
            cancel_item=cancel_item,
            time_left=lambda: next(left),
        )
    assert ended(seed, seed.records.jobs.get(made.job.job_id)).canceled == 1
