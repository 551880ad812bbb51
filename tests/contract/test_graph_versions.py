"""Threads of a graph older than the last three versions are planned again by a reissue (W84)."""

import pytest

from infra.local.postgres import Databases
from shared.domain import plans
from shared.domain.errors import Permanent
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation
from shared.usecases.score_bid import ScoreBid, score_bid
from tests.fakes.judges import FailingJudge
from tests.parked import parked, reissue
from tests.records import ids

RELEASED = ("bp-graph-1", "bp-graph-2", "bp-graph-3", "bp-graph-4")


@pytest.mark.parametrize(("released", "start_at"), [(RELEASED[:3], "review"), (RELEASED, "plan")])
def test_the_last_three_versions_go_on_and_an_older_thread_is_planned_again(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, released: tuple[str, ...], start_at: str
) -> None:
    made, evaluation_id = parked(databases)
    before = made.records.evaluations.criterion_runs(evaluation_id)
    monkeypatch.setattr(plans, "GRAPH_VERSIONS", released)
    done = reissue(made, evaluation_id)
    after = made.records.evaluations.criterion_runs(evaluation_id)
    assert done.job.payload["start_at"] == start_at
    assert after[0] == before[0]
    thread = made.graph().state(evaluation_id, after[1].criterion_id).status
    assert (after[1].status, thread) == (
        ("interrupted", "interrupted") if len(released) == 3 else ("pending", "absent")
    )


def test_what_is_planned_again_is_suggested_anew_and_waits_for_people_in_the_next_round(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, evaluation_id = parked(databases)
    old = {verdict.criterion_id: verdict for verdict in made.records.verdicts.current(evaluation_id)}
    with monkeypatch.context() as patch:
        patch.setattr(plans, "GRAPH_VERSIONS", RELEASED)
        done = reissue(made, evaluation_id)
        made.judge = FailingJudge()
        made.records.moves.job(done.job, "running", claim_token=done.run_id, stage="review")
        for group_no in plan_evaluation(PlanEvaluation(evaluation_id=evaluation_id), records=made.records).groups:
            made.evaluate(evaluation_id, group_no)
    rule, judged = (made.records.verdicts.revisions(evaluation_id, each.criterion_id) for each in made.criteria)
    assert rule == [old[made.criteria[0].criterion_id]]
    assert [(v.source, v.revision) for v in judged] == [("rule", 1), ("model", 2)]
    assert judged[1].supersedes == judged[0].verdict_id
    scored = score_bid(ScoreBid(evaluation_id=evaluation_id, review_id=None), records=made.records)
    assert (scored.needs_human_review, scored.wait_seconds) == (True, 1860)
    review = made.records.reviews.get(made.ask_again(evaluation_id, done.run_id, "another-token"))
    assert (review.round, made.records.evaluations.get(evaluation_id).status) == (2, "needs_manual_decision")


def test_a_decision_about_a_thread_that_is_too_old_is_not_applied(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, evaluation_id = parked(databases)
    run = made.records.evaluations.criterion_runs(evaluation_id)[1]
    monkeypatch.setattr(plans, "GRAPH_VERSIONS", RELEASED)
    with pytest.raises(Permanent) as gone:
        made.graph().decide(evaluation_id, run.criterion_id, decision_id=ids.new("dec"), interrupt_id=run.interrupt_id)
    assert gone.value.code == "WF_CHECKPOINT_NOT_FOUND"
