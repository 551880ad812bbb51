"""A query is classified by its signs, gets a mode that risk can only strengthen, and is asked in several forms."""

import pytest

from shared.domain.query_constraints import query_constraints
from shared.domain.query_modes import choose_mode, classify
from shared.domain.query_variants import accepted_rewrite, query_variants
from shared.domain.synonyms import equivalents


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("注册资本是多少", "fact"),
        ("ISO 9001 certificate", "fact"),
        ("how long is the warranty", "fact"),
        ("对比三家的交货期", "comparison"),
        ("compare the warranty terms", "comparison"),
        ("概述技术方案", "summary"),
        ("describe the method of installation", "summary"),
        ("是否存在废标情形", "risk"),
        ("any exclusion grounds declared", "risk"),
        ("与母公司的关系", "relation"),
        ("who is responsible for maintenance", "relation"),
        ("该承诺的出处", "trace"),
        ("which page states the price", "trace"),
        ("售后方案", "unknown"),
    ],
)
def test_a_query_has_the_type_its_signs_tell(text: str, expected: str) -> None:
    kind, reason = classify(text, query_constraints(text))
    assert kind == expected
    assert reason


@pytest.mark.parametrize(
    ("query_type", "arguments", "mode", "reason"),
    [
        ("fact", {}, "local", "type=fact"),
        ("fact", {"purpose": "evaluate"}, "hybrid", "type=fact; an evaluation needs two branches"),
        ("comparison", {}, "hybrid", "type=comparison"),
        ("unknown", {}, "hybrid", "type=unknown"),
        ("relation", {}, "hybrid", "type=relation; no graph branch in this version"),
        ("risk", {}, "mix", "type=risk"),
        ("trace", {}, "mix", "type=trace"),
        ("fact", {"high_risk": True}, "mix", "high_risk"),
        ("fact", {"risk_score": 0.74}, "mix", "risk_score=0.74"),
        ("fact", {"risk_score": 0.69}, "local", "type=fact"),
        ("fact", {"high_risk": True, "hint": "local"}, "mix", "high_risk"),
        ("fact", {"hint": "mix"}, "mix", "hint"),
        ("risk", {"hint": "local", "purpose": "evaluate"}, "mix", "type=risk"),
    ],
)
def test_the_mode_and_its_reason(query_type: str, arguments: dict[str, object], mode: str, reason: str) -> None:
    chosen = choose_mode(query_type, **arguments)  # type: ignore[arg-type]
    assert (chosen.mode, chosen.reason) == (mode, reason)


def test_modes_ask_different_branches_and_depths() -> None:
    assert choose_mode("fact").branches == ("lexical",)
    assert choose_mode("summary").branches == ("lexical", "vector")
    assert (choose_mode("summary").depth, choose_mode("risk").depth) == (60, 120)


def test_a_requirement_with_a_number_is_asked_in_four_forms_and_a_risk_in_its_negation_too() -> None:
    kinds = [v.kind for v in query_variants("交货期不超过60天")]
    assert kinds == ["original", "synonyms", "key_terms", "codes"]
    assert [v.kind for v in query_variants("exclusion ground", negated=True)][-1] == "negated"


def test_synonyms_reach_the_other_language_and_project_words_come_first() -> None:
    assert "warranty period" in equivalents("质保期多长")
    assert "交货期" in equivalents("Delivery Period of the goods")
    assert "bid security" not in equivalents("the bidders' securities")
    assert equivalents("智能架", {"智能架": ["密集架"]})[0] == "密集架"


def test_a_rewrite_is_used_only_when_it_keeps_every_constraint() -> None:
    assert accepted_rewrite("交货期不超过60天", "供货期最多60天") == ("供货期最多60天", [])
    text, difference = accepted_rewrite("交货期不超过60天", "供货期最多90天")
    assert text == "交货期不超过60天"
    assert difference == ["lost: numeric le 60 calendar_day", "added: numeric le 90 calendar_day"]
    assert [v.kind for v in query_variants("价格表", rewrite="报价表")][:2] == ["original", "rewrite"]


def test_only_originals_phrases_and_rewrites_are_embedded() -> None:
    made = query_variants("质保期", phrases=["warranty certificate"], negated=True, language="zh")
    assert [v.kind for v in made if v.embed is not None] == ["original", "phrase"]
