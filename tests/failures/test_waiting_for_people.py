"""Reviews that expire, are reissued, canceled, answered late or by many at once (F16-F21 of spec 06)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.error_catalogue import CATALOGUE
from shared.domain.errors import CodedError, Permanent, Refused
from shared.usecases.abandon_evaluation import AbandonEvaluation, abandon_evaluation
from shared.usecases.cancel_job import CancelJob, cancel_job
from shared.usecases.reissue_review import ReissueReview, reissue_review
from shared.usecases.request_review import RequestReview, request_review
from tests.failures.waiting import Waiting, start_waiting, wait_for
from tests.failures.work import at_rest, let_expire
from tests.product import TestProduct, running_product


@pytest.fixture(scope="module")
def product(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestProduct]:
    with running_product(databases, tmp_path_factory.mktemp("product")) as running:
        yield running


@pytest.fixture
def waiting(product: TestProduct, tmp_path: Path, databases: Databases) -> Waiting:
    from tests.records import new_tenant

    return start_waiting(TestProduct(product.made, new_tenant(databases), databases))


def expire(waiting: Waiting) -> None:
    """Let the machine's timeout pass now, once the machine waits: the review is open a moment before that."""
    wait_for(lambda: at_rest(waiting))
    let_expire(waiting)
    wait_for(lambda: waiting.status() == "parked")


def test_f18_an_expired_review_parks_and_a_reissue_asks_the_same_with_a_new_token(waiting: Waiting) -> None:
    first, old_token = waiting.claim()
    asked = {item.interrupt_id for item in waiting.records.reviews.items(first)}
    expire(waiting)
    parked = waiting.records.jobs.get(waiting.job_id)
    assert (parked.status, parked.error_code) == ("canceled", "WF_INTERRUPT_EXPIRED")
    assert waiting.records.reports.of_evaluation(waiting.evaluation_id) == []
    with pytest.raises(Refused) as late:
        waiting.submit(first, old_token)
    assert late.value.code == "WF_INTERRUPT_EXPIRED"
    again = ReissueReview(evaluation_id=waiting.evaluation_id, wait_seconds=3600, reason="On holiday")
    made = waiting.product.run(reissue_review, again)
    with pytest.raises(Refused) as twice:
        waiting.product.run(reissue_review, again)
    assert twice.value.code == "WF_STATE_TRANSITION_INVALID"
    wait_for(lambda: waiting.records.jobs.get(made.job.job_id).waiting_on == "review")
    second, token = waiting.claim()
    review = waiting.records.reviews.get(second)
    assert (second != first, token != old_token, review.round) == (True, True, 2)
    assert {item.interrupt_id for item in waiting.records.reviews.items(second)} == asked
    assert review.due_at - review.created_at < timedelta(seconds=3700)
    waiting.submit(second, token)
    wait_for(lambda: waiting.status() == "rejected")
    assert waiting.product.wait_for_job(made.job.job_id).status == "succeeded"


def test_a_parked_evaluation_is_given_up_without_a_decision(waiting: Waiting) -> None:
    expire(waiting)
    ended = waiting.product.run(abandon_evaluation, AbandonEvaluation(evaluation_id=waiting.evaluation_id, reason="x"))
    assert ended.status == "canceled"
    with pytest.raises(Refused):
        waiting.product.run(abandon_evaluation, AbandonEvaluation(evaluation_id=waiting.evaluation_id, reason="x"))


def test_f21_without_its_checkpoints_a_parked_evaluation_is_not_started_over(waiting: Waiting) -> None:
    expire(waiting)
    verdicts = waiting.records.verdicts.current(waiting.evaluation_id)
    for table in ("checkpoint_writes", "checkpoint_blobs", "checkpoints"):
        assert waiting.owner(f"delete from {table}") > 0
    with pytest.raises(Permanent) as gone:
        waiting.product.run(
            reissue_review, ReissueReview(evaluation_id=waiting.evaluation_id, wait_seconds=None, reason="again")
        )
    assert gone.value.code == "WF_CHECKPOINT_NOT_FOUND"
    assert (waiting.status(), waiting.records.verdicts.current(waiting.evaluation_id)) == ("parked", verdicts)


def test_f16_a_cancel_during_the_wait_ends_review_and_wait_and_a_later_answer_is_told(waiting: Waiting) -> None:
    review_id, token = waiting.claim()
    waiting.product.run(cancel_job, CancelJob(job_id=waiting.job_id, reason="withdrawn"))
    with pytest.raises(Refused) as late:
        waiting.submit(review_id, token)
    assert late.value.code == "WF_INTERRUPT_RESUME_INVALID"
    assert late.value.details["review_status"] == "canceled"
    wait_for(lambda: waiting.records.reviews.wait_of(review_id).status == "canceled")
    assert (waiting.status(), waiting.records.jobs.get(waiting.job_id).status) == ("canceled", "canceled")
    assert waiting.records.reports.of_evaluation(waiting.evaluation_id) == []


def test_f20_the_execution_is_deleted_during_the_wait_and_the_decision_still_applies_once(waiting: Waiting) -> None:
    review_id, token = waiting.claim()
    assert waiting.platform("delete from local_platform.executions where name like %s", f"{waiting.job_id}%") == 1
    waiting.submit(review_id, token)
    wait_for(lambda: waiting.status() == "rejected")
    resumed = waiting.job()
    assert waiting.product.wait_for_job(resumed.job_id).status == "succeeded"
    assert resumed.job_type == "resume_evaluation"
    assert waiting.records.reviews.get(review_id).status == "applied"
    assert waiting.records.reviews.wait_of(review_id).status == "orphaned"


def test_f17_an_answer_and_the_expiry_at_once_have_one_outcome(waiting: Waiting) -> None:
    review_id, token = waiting.claim()

    def answer() -> str:
        try:
            waiting.submit(review_id, token)
        except CodedError as error:
            return error.code
        return "submitted"

    with ThreadPoolExecutor(2) as both:
        answered = both.submit(answer)
        waiting.platform("update local_platform.tokens set timeout_at = clock_timestamp() - interval '1 second'")
        waiting.platform("update local_platform.frames set due_at = clock_timestamp() where phase = 'token'")
        outcome = answered.result()
    expected = ("applied", "rejected") if outcome == "submitted" else ("expired", "parked")
    wait_for(lambda: (waiting.records.reviews.get(review_id).status, waiting.status()) == expected)
    assert len(waiting.records.reviews.list(filters=waiting.mine, before=None, limit=5)) == 1


def test_one_of_twenty_parallel_answers_wins_and_the_others_are_told_by_whom(waiting: Waiting) -> None:
    review_id, token = waiting.claim()

    def answer(_: int) -> tuple[str, object, object]:
        try:
            won = waiting.submit(review_id, token).review
        except CodedError as error:
            assert CATALOGUE[error.code].http == 409
            return error.code, error.details["submitted_by"], error.details["submitted_at"]
        return "won", won.submitted_by, won.submitted_at.isoformat(timespec="milliseconds")

    with ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(answer, range(20)))
    [(_, winner, at)] = [each for each in answers if each[0] == "won"]
    assert winner == "usr_reviewer"
    assert answers.count(("WF_INTERRUPT_RESUME_INVALID", winner, at)) == 19
    wait_for(lambda: waiting.status() == "rejected")


def test_a_finished_suggestion_is_reviewed_on_request_and_its_report_superseded(waiting: Waiting) -> None:
    review_id, token = waiting.claim()
    waiting.submit(review_id, token)
    wait_for(lambda: waiting.status() == "rejected")
    with pytest.raises(Refused) as refused:
        waiting.product.run(request_review, RequestReview(evaluation_id=waiting.evaluation_id, reason="Look again"))
    assert refused.value.code == "WF_STATE_TRANSITION_INVALID"
