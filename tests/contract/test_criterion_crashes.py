"""A criterion's thread that is cut off goes on where it stood, and writes one verdict."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.adapters.criterion_graph.nodes import CriterionNodes
from shared.adapters.criterion_graph.state import ThreadValues
from shared.adapters.postgres.checkpoints import TenantSaver
from shared.domain.errors import Retryable
from tests.contract.graph_seed import planned, seed
from tests.evaluation_seed import BID


@pytest.mark.parametrize("node", ["retrieve_evidence", "measure_confidence", "commit_suggestion"])
def test_a_crash_in_a_node_continues_there_and_searches_once(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, node: str
) -> None:
    made = seed(databases)
    evaluation_id, criterion_id = planned(made, made.bid("S-1", *BID)), made.criteria[0].criterion_id

    def crash(self: CriterionNodes, values: ThreadValues) -> ThreadValues:
        raise Retryable("DEPENDENCY_UNAVAILABLE")

    crash.__name__ = node
    with monkeypatch.context() as patch:
        patch.setattr(CriterionNodes, node, crash)
        with pytest.raises(Retryable):
            made.graph().run(evaluation_id, criterion_id)
    searched = made.asked
    assert made.graph().state(evaluation_id, criterion_id).status == "pending"
    assert made.graph().run(evaluation_id, criterion_id).status == "finished"
    assert made.asked == 1 and searched == (0 if node == "retrieve_evidence" else 1)
    assert len(made.records.verdicts.revisions(evaluation_id, criterion_id)) == 1


def test_a_crash_after_the_commit_and_before_its_checkpoint_writes_one_verdict(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = seed(databases)
    evaluation_id, criterion_id = planned(made, made.bid("S-1", *BID)), made.criteria[0].criterion_id
    real = CriterionNodes.commit_suggestion

    def crash(self: CriterionNodes, values: ThreadValues) -> ThreadValues:
        real(self, values)
        raise Retryable("DEPENDENCY_UNAVAILABLE")

    crash.__name__ = "commit_suggestion"
    with monkeypatch.context() as patch:
        patch.setattr(CriterionNodes, "commit_suggestion", crash)
        with pytest.raises(Retryable):
            made.graph().run(evaluation_id, criterion_id)
    after = made.graph().run(evaluation_id, criterion_id)
    assert [v.verdict_id for v in made.records.verdicts.revisions(evaluation_id, criterion_id)] == [after.verdict_id]


@pytest.mark.parametrize("place", [0, 1])
def test_a_thread_cut_off_before_any_of_its_writes_goes_on_to_one_verdict(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """What a kill leaves between the write of a node and the checkpoint after it is neither lost nor an end."""
    made = seed(databases)
    cut, whole = 0, False
    while not whole:
        evaluation_id, criterion_id = planned(made, made.bid(f"S-{cut}", *BID)), made.criteria[place].criterion_id
        with monkeypatch.context() as patch:
            left = iter(range(cut))
            for name in ("put", "put_writes"):
                patch.setattr(TenantSaver, name, cut_off(getattr(TenantSaver, name), left))
            try:
                made.graph().run(evaluation_id, criterion_id)
                whole = True
            except Retryable:
                cut += 1
        status = "interrupted" if place else "finished"
        assert whole or made.graph().state(evaluation_id, criterion_id).status in ("absent", "pending", status)
        assert made.graph().run(evaluation_id, criterion_id).status == status
        assert len(made.records.verdicts.revisions(evaluation_id, criterion_id)) == 1
    assert cut > 12  # two writes for each of at least six nodes


def cut_off(real: Callable[..., Any], left: Iterator[int]) -> Callable[..., Any]:
    """The saver's method, which fails without writing when nothing is left."""

    def write(*arguments: Any) -> Any:
        if next(left, None) is None:
            raise Retryable("DEPENDENCY_UNAVAILABLE")
        return real(*arguments)

    return write
