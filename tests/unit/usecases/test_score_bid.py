"""Scoring a bid: complete or not at all, an interval while scores are open, approval only by a review."""

from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation
from shared.usecases.score_bid import ScoreBid, score_bid
from tests.evaluation_seed import BID, DELIVERY, Seed, criterion, limit_and_judged
from tests.records import make_records


def seed(databases: Databases, *criteria: Any, **more: Any) -> Seed:
    return Seed(make_records(databases), list(criteria) or limit_and_judged(), url=databases.app_url, **more)


def test_a_criterion_without_a_verdict_fails_the_run(databases: Databases) -> None:
    made = seed(databases)
    started = made.start(made.bid("S-1", *BID))
    evaluation_id = started.evaluation.evaluation_id
    plan_evaluation(PlanEvaluation(evaluation_id=evaluation_id), records=made.records)
    made.graph().run(evaluation_id, made.criteria[0].criterion_id)
    with pytest.raises(Permanent) as raised:
        score_bid(ScoreBid(evaluation_id=evaluation_id, review_id=None), records=made.records)
    assert raised.value.code == "EVALUATION_INCOMPLETE"
    assert raised.value.details["missing"] == [made.criteria[1].criterion_id]


def test_the_machine_waits_as_long_as_the_review_of_its_job(databases: Databases) -> None:
    made = seed(databases)
    started = made.start(made.bid("S-1", *BID))
    made.records.session.execute(
        "update jobs set payload = payload || '{\"wait_seconds\": 1800}' where job_id = %(id)s", id=started.job.job_id
    )
    evaluation_id = started.evaluation.evaluation_id
    for group_no in plan_evaluation(PlanEvaluation(evaluation_id=evaluation_id), records=made.records).groups:
        made.evaluate(evaluation_id, group_no)
    scored = score_bid(ScoreBid(evaluation_id=evaluation_id, review_id=None), records=made.records)
    assert scored.wait_seconds == 1860


def test_open_scores_leave_an_interval_and_reasons_with_their_values(databases: Databases) -> None:
    made = seed(databases)
    started, scored = made.suggest(made.bid("S-1", *BID))
    evaluation = made.records.evaluations.get(started.evaluation.evaluation_id)
    assert (scored.needs_human_review, scored.wait_seconds, scored.status) == (True, 86_460, "evaluating")
    assert (evaluation.total_score, evaluation.score_low, evaluation.score_high) == (None, 40, 100)
    assert [(r["code"], r["criterion"]) for r in evaluation.review_reasons] == [("MODEL_UNAVAILABLE", "T-2")]
    assert evaluation.risk_level == "medium"


def test_a_clean_bid_needs_nobody(databases: Databases) -> None:
    made = seed(databases, criterion("T-1", "numeric_limit", points="100", test=DELIVERY))
    started, scored = made.suggest(made.bid("S-1", *BID))
    evaluation = made.records.evaluations.get(started.evaluation.evaluation_id)
    assert not scored.needs_human_review
    assert (evaluation.total_score, evaluation.max_total, evaluation.risk_level) == (100, 100, "low")
    assert evaluation.confidence is not None and evaluation.confidence >= 0.65
    assert evaluation.citation_coverage == 1


@pytest.mark.parametrize(("forced", "high_risk", "code"), [(True, False, "FORCED"), (False, True, "HIGH_RISK")])
def test_a_person_or_policy_can_ask_for_a_review(
    databases: Databases, forced: bool, high_risk: bool, code: str
) -> None:
    made = seed(databases, criterion("T-1", "numeric_limit", points="100", test=DELIVERY), high_risk=high_risk)
    started, scored = made.suggest(made.bid("S-1", *BID), force_review=forced)
    evaluation = made.records.evaluations.get(started.evaluation.evaluation_id)
    assert scored.needs_human_review and [r["code"] for r in evaluation.review_reasons] == [code]
    review_id = made.ask(started)
    items = made.records.reviews.items(review_id)
    assert [(item.criterion_id, item.reason_code) for item in items] == [(None, code)]
    made.answer(made.person(databases), review_id, "approve")
    assert made.settle(evaluation.evaluation_id, review_id).status == "approved"


def test_a_confirmed_red_line_makes_the_total_nothing(databases: Databases) -> None:
    over = {"fact": "bid_price", "op": "gt", "value": {"amount": "100000.00", "currency": "EUR"}}
    made = seed(
        databases,
        criterion("R-1", "veto", test=over, mandatory=True),
        criterion("T-1", "numeric_limit", points="100", test=DELIVERY),
    )
    started, _ = made.suggest(made.bid("S-1", *BID))
    evaluation_id = started.evaluation.evaluation_id
    before = made.records.evaluations.get(evaluation_id)
    assert (before.total_score, before.score_low, before.risk_level) == (None, 0, "high")
    review_id = made.ask(started)
    made.answer(made.person(databases), review_id, "approve")
    made.settle(evaluation_id, review_id)
    assert made.records.evaluations.get(evaluation_id).total_score == 0


def test_an_answered_review_settles_the_evaluation_once(databases: Databases) -> None:
    made = seed(databases)
    started, _ = made.suggest(made.bid("S-1", *BID))
    evaluation_id, review_id = started.evaluation.evaluation_id, made.ask(started)
    made.answer(made.person(databases), review_id, "edit_scores", made.points("T-2", "48"))
    settled = made.settle(evaluation_id, review_id)
    evaluation = made.records.evaluations.get(evaluation_id)
    assert (settled.status, settled.needs_human_review, evaluation.total_score) == ("approved", False, 88)
    assert made.records.reviews.get(review_id).status == "applied"
    assert score_bid(ScoreBid(evaluation_id=evaluation_id, review_id=review_id), records=made.records) == settled


def test_a_rejected_bid_is_rejected_without_new_scores(databases: Databases) -> None:
    made = seed(databases)
    started, _ = made.suggest(made.bid("S-1", *BID))
    evaluation_id, review_id = started.evaluation.evaluation_id, made.ask(started)
    made.answer(made.person(databases), review_id, "reject")
    settled = score_bid(ScoreBid(evaluation_id=evaluation_id, review_id=review_id), records=made.records)
    assert (settled.status, made.records.evaluations.get(evaluation_id).total_score) == ("rejected", None)


def test_a_review_that_nobody_answered_approves_nothing(databases: Databases) -> None:
    made = seed(databases)
    started, _ = made.suggest(made.bid("S-1", *BID))
    review_id = made.ask(started)
    with pytest.raises(Permanent):
        score_bid(ScoreBid(evaluation_id=started.evaluation.evaluation_id, review_id=review_id), records=made.records)
    assert made.records.evaluations.get(started.evaluation.evaluation_id).status == "needs_manual_decision"
