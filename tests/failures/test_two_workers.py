"""Two workers at the same criterion: a killed database frees the line while the first one still runs (W10, F25)."""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor

from infra.local.postgres import Databases
from shared.domain.search_request import SearchQuery, SearchResult
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import make_records


def test_two_workers_that_commit_one_suggestion_write_one_verdict(databases: Databases) -> None:
    made = Seed(make_records(databases), limit_and_judged()[:1], url=databases.app_url)
    evaluation_id = made.start(made.bid("S-1", *BID)).evaluation.evaluation_id
    plan_evaluation(PlanEvaluation(evaluation_id=evaluation_id), records=made.records)
    both = threading.Barrier(2, timeout=30)

    def work(_: int) -> None:
        worker = copy.copy(made)
        worker.records = make_records(databases, made.records.actor.tenant_id)

        def search(query: SearchQuery) -> SearchResult:
            found = made.__class__.search(worker, query)
            both.wait()
            return found

        worker.search = search  # type: ignore[method-assign]
        worker.evaluate(evaluation_id, 0)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, range(2)))
    [verdict] = made.records.verdicts.current(evaluation_id)
    assert verdict.revision == 1
    told = made.records.session.rows(
        "select event_type from run_events where event_type like 'criterion.%%' order by seq"
    )
    assert [event["event_type"] for event in told] == ["criterion.finished"]
