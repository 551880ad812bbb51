"""A part of the search is down: every criterion still gets its result, and what rules decide stays decided (F24).

The branches of this version are words and vectors, the vectors with their embedder. A graph branch and a reranker that
can fail do not exist yet: the one reranker is arithmetic in the same process (R42)."""

import json
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.domain.criteria import Criterion
from shared.domain.errors import Retryable
from shared.domain.evidence import Verdict
from tests.evaluation_seed import BID, DELIVERY, Seed, criterion
from tests.fakes.word_embedder import WordEmbedder
from tests.records import make_records


def material(name: str) -> dict[str, str]:
    return {"material": name, "op": "exists"}


def criteria() -> list[Criterion]:
    """Two hard rules, one on a fact and one on words, an item that is not there, and one for a judge."""
    return [
        criterion("R-1", "numeric_limit", points="40", test=DELIVERY, requirement="Delivery within 60 calendar days"),
        criterion(
            "R-2", "required_material", points="20", test=material("Form of tender"), requirement="Form of tender"
        ),
        criterion("R-3", "required_material", points="10", test=material("ISO 9001"), requirement="ISO 9001"),
        criterion("J-1", "judged", points="30", requirement="Method of work", queries=["approach and method"]),
    ]


def seed(databases: Databases) -> Seed:
    return Seed(make_records(databases), criteria(), url=databases.app_url)


def evaluated(made: Seed) -> tuple[dict[str, Verdict], dict[str, Any], Any]:
    """Verdicts by criterion code, the report's content, and the evaluation after its first scoring."""
    started, _ = made.suggest(made.bid("S-1", *BID))
    evaluation_id = started.evaluation.evaluation_id
    code = {each.criterion_id: each.code for each in made.criteria}
    verdicts = {code[v.criterion_id]: v for v in made.records.verdicts.current(evaluation_id)}
    evaluation = made.records.evaluations.get(evaluation_id)
    report = made.report(evaluation_id)
    stored = made.records.reports.of_evaluation(evaluation_id)[0]
    assert report.version == stored.version
    return verdicts, json.loads(made.objects.read(stored.object_key)), evaluation


def decided(verdict: Verdict) -> tuple[Any, ...]:
    """What a hard rule found: outcome, points and the words that show it."""
    quotes = [citation.quote for claim in verdict.claims for citation in claim.citations]
    return verdict.outcome, verdict.score, quotes


def down(*args: Any, **more: Any) -> Any:
    raise Retryable("RAG_UPSTREAM_UNAVAILABLE")


def slow(*args: Any, **more: Any) -> Any:
    raise Retryable("DEPENDENCY_TIMEOUT")


def break_it(made: Seed, patch: pytest.MonkeyPatch, part: str) -> None:
    if part == "the embedder fails":
        patch.setattr(WordEmbedder, "query", down)
    elif part == "vectors are slow":
        patch.setattr(made.index, "nearest", slow)
    elif part == "vectors are down":
        patch.setattr(made.index, "nearest", down)
    else:
        patch.setattr(made.index, "lexical", down)


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("vectors are down", "vector_unavailable"),
        ("vectors are slow", "vector_timeout"),
        ("the embedder fails", "vector_unavailable"),
        ("words are down", "lexical_unavailable"),
    ],
)
def test_f24_with_a_branch_down_the_result_is_complete_degraded_with_its_reason_and_hard_rules_stand(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, part: str, reason: str
) -> None:
    whole, _, _ = evaluated(seed(databases))
    made = seed(databases)
    bid = made.bid
    with monkeypatch.context() as patch:

        def with_documents(code: str, *texts: str, **more: Any) -> str:
            supplier = bid(code, *texts, **more)  # what is written to the index is whole; only asking it fails
            break_it(made, patch, part)
            return supplier

        patch.setattr(made, "bid", with_documents)
        found, report, evaluation = evaluated(made)
    assert found.keys() == whole.keys()
    for hard in ("R-1", "R-2"):
        assert decided(found[hard]) == decided(whole[hard])
        assert found[hard].outcome == "pass"
    assert (whole["R-3"].outcome, found["R-3"].outcome) == ("not_found", "needs_human")
    assert [found[code].score for code in ("R-3", "J-1")] == [None, None]
    for code, verdict in found.items():
        told = {each.code: each.value for each in verdict.review_reasons}
        assert told["DEGRADED"] == reason, code
        log = made.records.searches.log(verdict.search_log_id or "")
        assert log is not None and log.degraded and list(log.degrade_reasons) == [reason]
    assert {each["code"]: each["reasons"] for each in report["degradations"]} == {code: [reason] for code in found}
    assert evaluation.needs_human_review


def test_f24_without_any_branch_nothing_is_made_up(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    made = seed(databases)
    monkeypatch.setattr(made.index, "nearest", down)
    monkeypatch.setattr(made.index, "lexical", down)
    with pytest.raises(Retryable) as raised:
        made.suggest(made.bid("S-1", *BID))
    assert raised.value.code == "RAG_UPSTREAM_UNAVAILABLE"
    assert made.records.session.rows("select 1 from verdicts") == []
