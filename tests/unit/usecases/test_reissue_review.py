"""A parked evaluation is asked about again from its checkpoints, never decided by the way (W92, A96)."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent, Refused
from shared.usecases.claim_job import ClaimJob, claim_job
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.parked import parked, reissue
from tests.records import make_records


def test_a_parked_evaluation_gets_a_job_that_opens_the_next_round(databases: Databases) -> None:
    made, evaluation_id = parked(databases)
    done = reissue(made, evaluation_id)
    assert (done.job.job_type, done.job.status, done.job.payload["start_at"]) == (
        "resume_evaluation",
        "queued",
        "review",
    )
    evaluation = made.records.evaluations.get(evaluation_id)
    assert (evaluation.status, evaluation.job_id) == ("parked", done.job.job_id)
    claimed = claim_job(ClaimJob(job_id=done.job.job_id, run_id=done.run_id), records=made.records)
    assert claimed.entry is not None
    assert (claimed.entry["plan"]["groups"], claimed.entry["score"]["wait_seconds"]) == ([0], 1860)
    review_id = made.ask_again(evaluation_id, done.run_id, "another-token")
    review = made.records.reviews.get(review_id)
    assert (review.round, review.status) == (2, "open")
    assert [item.criterion_id for item in made.records.reviews.items(review_id)]


def test_only_one_reissue_is_on_its_way(databases: Databases) -> None:
    made, evaluation_id = parked(databases)
    reissue(made, evaluation_id)
    with pytest.raises(Refused) as refused:
        reissue(made, evaluation_id)
    assert refused.value.code == "WF_STATE_TRANSITION_INVALID"


def test_a_waiting_evaluation_is_not_reissued(databases: Databases) -> None:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    made.ask(started)
    with pytest.raises(Refused) as refused:
        reissue(made, started.evaluation.evaluation_id)
    assert refused.value.code == "WF_STATE_TRANSITION_INVALID"


def test_a_thread_without_checkpoints_refuses_the_reissue(databases: Databases) -> None:
    made, evaluation_id = parked(databases)
    before = made.asked
    for table in ("checkpoint_writes", "checkpoint_blobs", "checkpoints"):
        made.records.session.execute(f"delete from {table}")
    with pytest.raises(Permanent) as gone:
        reissue(made, evaluation_id)
    assert (gone.value.code, made.asked) == ("WF_CHECKPOINT_NOT_FOUND", before)
