"""Two workers at the same criterion: a killed database frees the line while the first one still runs (W10, F25)."""

import copy
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from infra.local.postgres import Databases
from shared.adapters.criterion_graph.nodes import CriterionNodes
from shared.adapters.criterion_graph.state import ThreadValues
from shared.domain.errors import Retryable
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import make_records


@pytest.mark.parametrize("node", ["retrieve_evidence", "commit_suggestion"])
def test_f25_of_two_workers_at_one_node_one_goes_on_and_one_verdict_is_written_and_told(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, node: str
) -> None:
    made = Seed(make_records(databases), limit_and_judged()[:1], url=databases.app_url)
    evaluation_id = made.start(made.bid("S-1", *BID)).evaluation.evaluation_id
    plan_evaluation(PlanEvaluation(evaluation_id=evaluation_id), records=made.records)
    first_is_there, both, real = threading.Event(), threading.Barrier(2, timeout=30), getattr(CriterionNodes, node)

    def meet(self: CriterionNodes, values: ThreadValues) -> ThreadValues:
        first_is_there.set()
        both.wait()
        found: ThreadValues = real(self, values)
        return found

    def work() -> None:
        worker = copy.copy(made)
        worker.records = make_records(databases, made.records.actor.tenant_id)
        worker.evaluate(evaluation_id, 0)

    meet.__name__ = node
    with ThreadPoolExecutor(2) as threads, monkeypatch.context() as patch:
        patch.setattr(CriterionNodes, node, meet)
        workers: list[Future[None]] = [threads.submit(work)]
        assert first_is_there.wait(30)
        workers.append(threads.submit(work))
        [lost] = [error for error in (worker.exception(60) for worker in workers) if error is not None]
    assert isinstance(lost, Retryable)
    work()  # the retry of the one that lost
    [verdict] = made.records.verdicts.current(evaluation_id)
    assert verdict.revision == 1
    told = made.records.session.rows(
        "select event_type from run_events where event_type like 'criterion.%%' order by seq"
    )
    assert [event["event_type"] for event in told] == ["criterion.finished"]
    [run] = made.records.evaluations.criterion_runs(evaluation_id)
    assert run.status == "completed"
