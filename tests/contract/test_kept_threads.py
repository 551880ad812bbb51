"""What rows say of a criterion's thread is what the graph's own library reads from them (A163, W77, W84)."""

from infra.local.postgres import Databases
from shared.domain.plans import GRAPH_VERSION
from tests.contract.graph_seed import decided, planned, seed
from tests.evaluation_seed import BID, Seed


def told(made: Seed, evaluation_id: str) -> dict[str, tuple[str | None, str | None]]:
    """Graph version and interrupt by criterion, as rows have them."""
    rows = made.records.threads.kept(evaluation_id)
    return {row.criterion_id: (row.graph_version, row.interrupt_id) for row in rows}


def read(made: Seed, evaluation_id: str) -> dict[str, tuple[str | None, str | None]]:
    """The same as the library reads it; threads that are absent are left out."""
    states = {one.criterion_id: made.graph().state(evaluation_id, one.criterion_id) for one in made.criteria}
    return {key: (s.graph_version, s.interrupt_id) for key, s in states.items() if s.status != "absent"}


def test_rows_and_library_agree_on_threads_absent_finished_waiting_and_decided(databases: Databases) -> None:
    made = seed(databases)
    evaluation_id = planned(made, made.bid("S-1", *BID))
    assert told(made, evaluation_id) == read(made, evaluation_id) == {}
    rule, judged = (one.criterion_id for one in made.criteria[:2])
    made.graph().run(evaluation_id, rule)
    assert told(made, evaluation_id) == read(made, evaluation_id) == {rule: (GRAPH_VERSION, None)}
    waits = made.graph().run(evaluation_id, judged).interrupt_id
    found = {rule: (GRAPH_VERSION, None), judged: (GRAPH_VERSION, waits)}
    assert waits is not None
    assert told(made, evaluation_id) == read(made, evaluation_id) == found


def test_an_answered_thread_waits_no_more(databases: Databases) -> None:
    made = seed(databases)
    started, _ = made.suggest(made.bid("S-1", *BID))
    evaluation_id, judged = started.evaluation.evaluation_id, made.criteria[1].criterion_id
    made.ask(started)
    asked = told(made, evaluation_id)[judged][1]
    decision = decided(made, evaluation_id, 1, action="edit", score=0, outcome="fail")
    made.graph().decide(evaluation_id, judged, decision_id=decision.decision_id, interrupt_id=asked)
    assert told(made, evaluation_id) == read(made, evaluation_id)
    assert told(made, evaluation_id)[judged] == (GRAPH_VERSION, None)
