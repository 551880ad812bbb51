"""Confidence is measured, never assumed (E56-E60)."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.citing import cite
from shared.domain.confidence import (
    evidence_quality,
    measure,
    model_stability,
    overall_confidence,
    retrieval_agreement,
    score_deviation_pct,
)
from shared.domain.evidence import Claim, Passage
from tests.evaluation_parts import chunk

D = Decimal
BRANCHES = ["lexical", "vector"]


@pytest.mark.parametrize(
    ("supported", "produced", "qualities", "minimum", "quality"),
    [
        (1, 1, [1.0], 1, "1"),
        (1, 2, [1.0], 1, "0.5"),
        (1, 1, [0.8, 0.6], 1, "0.7"),
        (1, 1, [1.0], 2, "0.5"),
        (0, 0, [], 1, "0"),
    ],
)
def test_evidence_quality_by_hand(
    supported: int, produced: int, qualities: list[float], minimum: int, quality: str
) -> None:
    assert evidence_quality(supported, produced, qualities, minimum) == D(quality)


def test_agreement_counts_the_branches_that_ranked_a_chunk_in_their_top_20() -> None:
    ranks = {"a": {"lexical": 1, "vector": 20}, "b": {"lexical": 3, "vector": 21}, "c": {"graph": 1}}
    assert retrieval_agreement(["a"], ranks, BRANCHES) == 1
    assert retrieval_agreement(["b"], ranks, BRANCHES) == D("0.5")
    assert retrieval_agreement(["a", "b"], ranks, BRANCHES) == D("0.75")
    assert retrieval_agreement(["c"], ranks, BRANCHES) == 0


def test_one_branch_alone_agrees_at_most_by_half() -> None:
    assert retrieval_agreement(["a"], {"a": {"lexical": 1}}, ["lexical"]) == D("0.5")


def test_the_lookup_of_facts_is_a_branch_where_a_fact_is_cited() -> None:
    ranks = {"a": {"lexical": 1, "vector": 2}}
    assert retrieval_agreement(["a"], ranks, BRANCHES, frozenset({"a"})) == 1
    assert retrieval_agreement(["f"], ranks, ["lexical"], frozenset({"f"})) == D("0.5")


def claim_on(text: str, chunk_id: str) -> Claim:
    return Claim(text=text, stance="supports", citations=(cite(chunk(text, chunk_id=chunk_id), 0, len(text)),))


def test_confidence_is_the_weighted_sum_of_its_parts() -> None:
    passage = Passage(chunk=chunk("A hotline.", chunk_id="a"), branch_ranks={"lexical": 1}, quality=0.8)
    measured = measure([claim_on("A hotline.", "a")], [], [passage], branches=BRANCHES, minimum=1, stability=D("0.7"))
    # 0.4 * 0.8 + 0.3 * 0.5 + 0.3 * 0.7
    assert measured.value == D("0.6800")
    assert measured.parts == {"evidence_quality": "0.8000", "retrieval_agreement": "0.5000", "stability": "0.7000"}


def test_nothing_cited_is_no_confidence() -> None:
    assert measure([], [], [], branches=BRANCHES, minimum=1, stability=D(1)).value == 0


@settings(max_examples=40)
@given(st.integers(0, 3), st.floats(0, 1), st.integers(1, 8), st.decimals(-1, 2, places=2))
def test_confidence_stays_between_0_and_1(unsupported: int, quality: float, minimum: int, stability: Decimal) -> None:
    passage = Passage(chunk=chunk("A hotline.", chunk_id="a"), branch_ranks={"lexical": 1}, quality=quality)
    claim = claim_on("A hotline.", "a")
    measured = measure(
        [claim], [claim] * unsupported, [passage], branches=BRANCHES, minimum=minimum, stability=stability
    )
    assert 0 <= measured.value <= 1


def test_runs_of_a_model_that_differ_are_unstable() -> None:
    assert model_stability([D(8), D(7)], ["pass", "pass"], D(10)) == D("0.9")
    assert model_stability([D(8), D(8)], ["pass", "partial"], D(10)) == 0
    assert model_stability([], [], D(10)) == 0


@pytest.mark.parametrize(
    ("estimates", "maximum", "deviation"),
    [(["8", "6"], "10", "20"), (["8", "5.99"], "10", "20.1"), (["8"], "10", None), (["0", "0"], "0", None)],
)
def test_deviation_needs_two_estimates(estimates: list[str], maximum: str, deviation: str | None) -> None:
    expected = None if deviation is None else D(deviation)
    assert score_deviation_pct([D(e) for e in estimates], D(maximum)) == expected


def test_the_overall_confidence_weighs_by_points_and_shows_the_lowest() -> None:
    assert overall_confidence([(D("0.9"), D(30)), (D("0.5"), D(10))]) == (D("0.8000"), D("0.5"))
    assert overall_confidence([(D("0.9"), D(0)), (D("0.5"), D(0))]) == (D("0.7000"), D("0.5"))
    assert overall_confidence([]) is None
