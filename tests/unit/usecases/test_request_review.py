"""A finished suggestion is reviewed when a person asks, and its next report supersedes the first (A95, D104)."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent, Refused
from shared.usecases.claim_job import ClaimJob, claim_job
from shared.usecases.finish_evaluation import FinishEvaluation, finish_evaluation
from shared.usecases.request_review import RequestedReview, RequestReview, request_review
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import clock, ids, make_records


def finished(databases: Databases) -> tuple[Seed, str]:
    """A suggestion that needed nobody, with its report."""
    made = Seed(make_records(databases), limit_and_judged()[:1], url=databases.app_url)
    started, scored = made.suggest(made.bid("S-1", *BID))
    assert not scored.needs_human_review
    made.report(started.evaluation.evaluation_id)
    finish_evaluation(FinishEvaluation(evaluation_id=started.evaluation.evaluation_id), records=made.records)
    return made, started.evaluation.evaluation_id


def request(made: Seed, evaluation_id: str, *criteria: str) -> RequestedReview:
    command = RequestReview(evaluation_id=evaluation_id, reason="The client doubts it", criteria=criteria)
    return request_review(command, records=made.records, ids=ids, clock=clock)


def test_a_requested_review_changes_a_finished_criterion_and_makes_the_next_report(databases: Databases) -> None:
    made, evaluation_id = finished(databases)
    criterion_id = made.criteria[0].criterion_id
    done = request(made, evaluation_id, criterion_id)
    assert claim_job(ClaimJob(job_id=done.job.job_id, run_id=done.run_id), records=made.records).claimed
    review_id = made.ask_again(evaluation_id, done.run_id, "token")
    assert {reason["code"] for reason in made.records.reviews.get(review_id).reasons} == {"REQUESTED"}
    searched = made.asked
    made.answer(made.person(databases), review_id, "edit_scores", made.points("T-1", "30", "partial"))
    made.settle(evaluation_id, review_id)
    report = made.report(evaluation_id)
    verdict = made.records.verdicts.current(evaluation_id)[0]
    assert (report.version, verdict.source, str(verdict.score), made.asked) == (2, "person", "30.000", searched)
    assert finish_evaluation(FinishEvaluation(evaluation_id=evaluation_id), records=made.records).status
    assert made.records.jobs.get(done.job.job_id).status == "succeeded"


def test_an_unknown_criterion_and_a_second_request_are_refused(databases: Databases) -> None:
    made, evaluation_id = finished(databases)
    with pytest.raises(Refused) as unknown:
        request(made, evaluation_id, ids.new("crt"))
    assert unknown.value.code == "CRITERION_NOT_FOUND"
    request(made, evaluation_id)
    with pytest.raises(Refused) as twice:
        request(made, evaluation_id)
    assert twice.value.code == "WF_STATE_TRANSITION_INVALID"


def test_after_its_threads_were_deleted_nobody_is_asked_what_could_not_be_applied(databases: Databases) -> None:
    made, evaluation_id = finished(databases)
    made.records.threads.forget(evaluation_id, [made.criteria[0].criterion_id], again=False)
    with pytest.raises(Permanent) as gone:
        request(made, evaluation_id)
    assert gone.value.code == "WF_CHECKPOINT_NOT_FOUND"
    assert made.records.evaluations.get(evaluation_id).status == "report_generated"
