"""A group whose model is out: rules are decided first, the rest goes to people, a repeat changes nothing."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import BudgetStopped, Permanent
from shared.ports.reasoning import ThreadState
from shared.usecases.evaluate_criteria import EvaluateCriteria, evaluate_criteria
from shared.usecases.park_criteria import ParkCriteria, ParkedCriteria, park_criteria
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation
from tests.evaluation_seed import BID, DELIVERY, Seed, criterion
from tests.fakes.judges import FailingJudge
from tests.records import make_records


def seed(databases: Databases, judge: FailingJudge) -> tuple[Seed, str]:
    """Two judged criteria around one that a rule decides, in one group."""
    criteria = [
        criterion("J-1", "judged", points="30", requirement="Method of work"),
        criterion("R-1", "numeric_limit", points="40", test=DELIVERY, requirement="Delivery within 60 calendar days"),
        criterion("J-2", "judged", points="30", requirement="Named persons"),
    ]
    made = Seed(make_records(databases), criteria, url=databases.app_url, judge=judge)
    started = made.start(made.bid("S-1", *BID))
    plan_evaluation(PlanEvaluation(evaluation_id=started.evaluation.evaluation_id), records=made.records)
    return made, started.evaluation.evaluation_id


def evaluate(made: Seed, evaluation_id: str) -> None:
    command = EvaluateCriteria(evaluation_id=evaluation_id, group_no=0, round=0, review_id=None)
    evaluate_criteria(command, records=made.records, criterion_graph=made.graph(), time_left=lambda: 900.0)


def park(made: Seed, evaluation_id: str, error: str = "BudgetStopped") -> ParkedCriteria:
    command = ParkCriteria(evaluation_id=evaluation_id, group_no=0, error=error)
    return park_criteria(command, records=made.records, criterion_graph=made.graph())


def outcomes(made: Seed, evaluation_id: str) -> dict[str, tuple[str, object]]:
    code = {each.criterion_id: each.code for each in made.criteria}
    current = made.records.verdicts.current(evaluation_id)
    return {code[verdict.criterion_id]: (verdict.outcome, verdict.score) for verdict in current}


def test_what_rules_decide_is_stored_before_the_first_criterion_that_misses_its_model(databases: Databases) -> None:
    judge = FailingJudge(BudgetStopped())
    made, evaluation_id = seed(databases, judge)
    with pytest.raises(BudgetStopped):
        evaluate(made, evaluation_id)
    assert outcomes(made, evaluation_id) == {"R-1": ("pass", 40)}
    assert judge.asked == ["J-1"]


def test_the_unfinished_ones_go_to_people_and_the_finished_one_stays(databases: Databases) -> None:
    judge = FailingJudge(BudgetStopped())
    made, evaluation_id = seed(databases, judge)
    with pytest.raises(BudgetStopped):
        evaluate(made, evaluation_id)
    (stored,) = made.records.verdicts.current(evaluation_id)
    assert park(made, evaluation_id) == ParkedCriteria(parked=2, reason="BUDGET_STOPPED")
    nobody = ("needs_human", None)
    assert outcomes(made, evaluation_id) == {"J-1": nobody, "R-1": ("pass", 40), "J-2": nobody}
    assert stored in made.records.verdicts.current(evaluation_id)
    runs = made.records.evaluations.criterion_runs(evaluation_id)
    assert [run.status for run in runs] == ["interrupted", "completed", "interrupted"]
    assert all(run.interrupt_id for run in runs if run.status == "interrupted")
    job = made.records.jobs.get(made.records.evaluations.get(evaluation_id).job_id or "")
    assert (job.progress_done, job.step, judge.asked) == (80, "ParkCriteria", ["J-1"])


def test_a_repeat_and_a_later_evaluation_of_the_group_find_nothing_to_do(databases: Databases) -> None:
    judge = FailingJudge(BudgetStopped(), times=1)
    made, evaluation_id = seed(databases, judge)
    with pytest.raises(BudgetStopped):
        evaluate(made, evaluation_id)
    park(made, evaluation_id)
    before = outcomes(made, evaluation_id)
    assert park(made, evaluation_id).parked == 0
    evaluate(made, evaluation_id)
    assert (outcomes(made, evaluation_id), judge.asked) == (before, ["J-1"])


def test_parking_that_stopped_in_the_middle_goes_on_with_the_rest(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, evaluation_id = seed(databases, FailingJudge())
    mark, marked = made.records.evaluations.mark_criterion, []

    def crash(*args: str, **more: str | None) -> None:
        marked.append(args)
        if len(marked) == 4:  # two for each criterion: the commit of its verdict, and where its thread stands
            raise ConnectionError
        mark(*args, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(made.records.evaluations, "mark_criterion", crash)
        with pytest.raises(ConnectionError):
            park(made, evaluation_id, "ModelUnavailable")
    assert park(made, evaluation_id, "ModelUnavailable") == ParkedCriteria(parked=2, reason="MODEL_UNAVAILABLE")
    assert outcomes(made, evaluation_id)["R-1"] == ("pass", 40)
    assert [len(made.records.verdicts.revisions(evaluation_id, each.criterion_id)) for each in made.criteria] == [1] * 3


def test_a_thread_that_neither_ends_nor_waits_is_an_error_and_is_not_marked(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, evaluation_id = seed(databases, FailingJudge())
    graph = made.graph()
    monkeypatch.setattr(graph, "park", lambda *_, **__: ThreadState(status="pending"))
    command = ParkCriteria(evaluation_id=evaluation_id, group_no=0, error="BudgetStopped")
    with pytest.raises(Permanent):
        park_criteria(command, records=made.records, criterion_graph=graph)
    assert {run.status for run in made.records.evaluations.criterion_runs(evaluation_id)} == {"pending"}


def test_another_error_is_no_outage(databases: Databases) -> None:
    made, evaluation_id = seed(databases, FailingJudge())
    with pytest.raises(Permanent):
        park(made, evaluation_id, "Retryable")
    assert outcomes(made, evaluation_id) == {}
