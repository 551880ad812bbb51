"""A review that nobody answered parks the evaluation; a stored answer wins."""

from infra.local.postgres import Databases
from shared.usecases.expire_review import ExpiredReview, ExpireReview, expire_review
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import make_records


def test_it_parks_the_evaluation_and_cancels_the_job_once(databases: Databases) -> None:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    review_id, evaluation_id = made.ask(started), started.evaluation.evaluation_id
    command = ExpireReview(evaluation_id=evaluation_id)
    expected = ExpiredReview(review_id=review_id, decision="expired")
    assert [expire_review(command, records=made.records) for _ in range(2)] == [expected] * 2
    job = made.records.jobs.get(started.job.job_id)
    wait = made.records.reviews.wait_of(review_id)
    assert made.records.reviews.get(review_id).status == "expired"
    assert made.records.evaluations.get(evaluation_id).status == "parked"
    assert (job.status, job.error_code) == ("canceled", "WF_INTERRUPT_EXPIRED")
    assert wait is not None and wait.status == "expired"
    events = [e["event_type"] for e in made.records.jobs.events(started.run_id, after=0, limit=100)]
    assert events[-4:] == ["review.expired", "run.parked", "run.canceled", "run.closed"]
    verdicts = made.records.verdicts.current(evaluation_id)
    assert {verdict.source for verdict in verdicts} == {"rule"}


def test_an_answer_that_was_stored_in_time_wins(databases: Databases) -> None:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    review_id = made.ask(started)
    made.answer(made.person(databases), review_id, "reject")
    command = ExpireReview(evaluation_id=started.evaluation.evaluation_id)
    assert expire_review(command, records=made.records) == ExpiredReview(review_id=review_id, decision="reject")
    assert made.records.jobs.get(started.job.job_id).status == "running"
