"""One group of criteria: finished ones are skipped, time is watched, decisions reach their threads."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent, Retryable
from shared.ports.reasoning import ThreadState
from shared.usecases.evaluate_criteria import EvaluateCriteria, EvaluatedCriteria, evaluate_criteria
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation
from tests.evaluation_seed import BID, Seed, criterion, limit_and_judged
from tests.records import make_records


class Threads:
    """A graph whose threads end at once; it notes who ran and what was decided."""

    version = "1"

    def __init__(self, status: str = "finished") -> None:
        self.status = status
        self.ran: list[str] = []
        self.decided: list[tuple[str, str | None]] = []

    def state(self, evaluation_id: str, criterion_id: str) -> ThreadState:
        """Nothing has run."""
        return ThreadState(status="absent")

    def run(self, evaluation_id: str, criterion_id: str) -> ThreadState:
        """Note and end."""
        self.ran.append(criterion_id)
        return ThreadState(status=self.status, interrupt_id="i" if self.status == "interrupted" else None)

    def decide(
        self, evaluation_id: str, criterion_id: str, *, decision_id: str, interrupt_id: str | None
    ) -> ThreadState:
        """Note and end."""
        self.decided.append((criterion_id, interrupt_id))
        return ThreadState(status="finished", decision_id=decision_id)


def planned(databases: Databases, count: int = 3) -> tuple[Seed, str]:
    criteria = [criterion(f"T-{n}", "judged", points="10") for n in range(count)]
    made = Seed(make_records(databases), criteria, url=databases.app_url)
    started = made.start(made.bid("S-1", *BID))
    evaluation_id = started.evaluation.evaluation_id
    plan_evaluation(PlanEvaluation(evaluation_id=evaluation_id), records=made.records)
    return made, evaluation_id


def run(
    made: Seed, evaluation_id: str, threads: Threads, *, left: list[float] | None = None, round: int = 0
) -> EvaluatedCriteria:
    command = EvaluateCriteria(evaluation_id=evaluation_id, group_no=0, round=round, review_id=None)
    times = iter(left or [])
    return evaluate_criteria(
        command, records=made.records, criterion_graph=threads, time_left=lambda: next(times, 900.0)
    )


def test_it_stops_before_the_next_criterion_when_time_runs_out_and_goes_on_where_it_was(databases: Databases) -> None:
    made, evaluation_id = planned(databases)
    first, second = Threads(), Threads()
    assert run(made, evaluation_id, first, left=[900.0, 90.0, 89.9]) == EvaluatedCriteria(more=True, round=1)
    assert run(made, evaluation_id, second, round=1) == EvaluatedCriteria(more=False, round=1)
    assert (len(first.ran), len(second.ran)) == (2, 1)
    assert not set(first.ran) & set(second.ran)


def test_it_notes_stage_progress_and_where_each_thread_stands(databases: Databases) -> None:
    made, evaluation_id = planned(databases, 2)
    run(made, evaluation_id, Threads("interrupted"))
    runs = made.records.evaluations.criterion_runs(evaluation_id)
    evaluation = made.records.evaluations.get(evaluation_id)
    assert [(r.status, r.interrupt_id) for r in runs] == [("interrupted", "i")] * 2
    assert evaluation.stage == "evaluate"
    assert made.records.jobs.get(evaluation.job_id or "").progress_done == 80
    again = Threads()
    run(made, evaluation_id, again)
    assert again.ran == []


def test_a_thread_that_neither_ends_nor_waits_is_an_error(databases: Databases) -> None:
    made, evaluation_id = planned(databases, 1)
    with pytest.raises(Permanent):
        run(made, evaluation_id, Threads("pending"))


def test_twenty_rounds_are_enough(databases: Databases) -> None:
    made, evaluation_id = planned(databases, 1)
    with pytest.raises(Retryable) as raised:
        run(made, evaluation_id, Threads(), round=20)
    assert raised.value.code == "WF_STEP_TIMEOUT"


def test_only_threads_that_a_decision_names_are_resumed(databases: Databases) -> None:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    review_id = made.ask(started)
    made.answer(made.person(databases), review_id, "edit_scores", made.points("T-2", "48"))
    threads = Threads()
    command = EvaluateCriteria(evaluation_id=started.evaluation.evaluation_id, group_no=0, round=0, review_id=review_id)
    evaluate_criteria(command, records=made.records, criterion_graph=threads, time_left=lambda: 900.0)
    judged = made.criteria[1].criterion_id
    asked = made.graph().state(started.evaluation.evaluation_id, judged).interrupt_id
    assert threads.ran == [] and threads.decided == [(judged, asked)]
