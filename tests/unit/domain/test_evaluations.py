"""Each trigger fires beyond its boundary and not on it (E6, E64-E69)."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.errors import Permanent
from shared.domain.evaluations import REASON_CODES, Signals, check_complete, review_reasons
from shared.domain.evidence import Claim, ReviewReason
from tests.evaluation_parts import criterion, verdict

D = Decimal
SCORED = criterion("numeric_limit")
GOOD = verdict(SCORED, "pass", "10")
CALM = Signals(coverage=D(1))


def codes(*reasons: ReviewReason) -> list[str]:
    return [reason.code for reason in reasons]


def test_a_sure_cited_result_stands() -> None:
    assert review_reasons(GOOD, SCORED, CALM) == ()


@pytest.mark.parametrize(("confidence", "fires"), [("0.6500", False), ("0.6499", True), ("0", True)])
def test_confidence_below_065(confidence: str, fires: bool) -> None:
    found = review_reasons(replace(GOOD, confidence=D(confidence)), SCORED, CALM)
    assert codes(*found) == (["LOW_CONFIDENCE"] if fires else [])
    if fires:
        assert (found[0].value, found[0].threshold) == (confidence, "0.65")


@pytest.mark.parametrize(("coverage", "fires"), [("0.9", False), ("0.8999", True)])
def test_coverage_below_090(coverage: str, fires: bool) -> None:
    found = review_reasons(GOOD, SCORED, Signals(coverage=D(coverage)))
    assert codes(*found) == (["LOW_CITATION_COVERAGE"] if fires else [])


@pytest.mark.parametrize(("deviation", "fires"), [(None, False), ("20", False), ("20.0001", True)])
def test_deviation_above_20(deviation: str | None, fires: bool) -> None:
    signals = Signals(coverage=D(1), deviation_pct=None if deviation is None else D(deviation))
    assert codes(*review_reasons(GOOD, SCORED, signals)) == (["SCORE_DEVIATION"] if fires else [])


def test_what_was_not_measured_is_not_trusted() -> None:
    found = review_reasons(replace(GOOD, confidence=None), SCORED, Signals())
    assert codes(*found) == ["LOW_CONFIDENCE", "LOW_CITATION_COVERAGE"]


VETO = criterion("veto", points="0", mandatory=True)
MANDATORY = criterion("numeric_limit", mandatory=True)


@pytest.mark.parametrize(
    ("of", "outcome", "expected"),
    [
        (VETO, "fail", ["RED_LINE", "MANDATORY_FAIL"]),
        (VETO, "needs_human", ["RED_LINE"]),
        (VETO, "pass", []),
        (VETO, "not_found", ["NOT_FOUND"]),
        (MANDATORY, "fail", ["MANDATORY_FAIL"]),
        (SCORED, "fail", []),
        (SCORED, "partial", []),
        (SCORED, "not_found", ["NOT_FOUND"]),
        (SCORED, "needs_human", ["NEEDS_HUMAN"]),
    ],
)
def test_red_lines_mandatory_failures_and_absences_go_to_a_person(of: Any, outcome: str, expected: list[str]) -> None:
    assert codes(*review_reasons(verdict(of, outcome), of, CALM)) == expected


@pytest.mark.parametrize("code", ["FACT_CONFLICT", "SEARCH_INCOMPLETE", "MODEL_UNAVAILABLE", "BUDGET_STOPPED"])
def test_the_cause_of_an_undecided_result_is_its_reason(code: str) -> None:
    found = review_reasons(verdict(SCORED, "needs_human"), SCORED, Signals(causes=(code, code)))
    assert codes(*found) == [code]


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ({"forced": True}, "FORCED"),
        ({"high_risk": True}, "HIGH_RISK"),
        ({"audit_sample": True}, "AUDIT_SAMPLE"),
        ({"requested": True}, "REQUESTED"),
        ({"injection_suspected": True}, "INJECTION_SUSPECTED"),
        ({"degraded": ("vector_timeout",)}, "DEGRADED"),
    ],
)
def test_the_circumstances_of_a_run_ask_for_a_person(signals: dict[str, Any], code: str) -> None:
    assert codes(*review_reasons(GOOD, SCORED, Signals(coverage=D(1), **signals))) == [code]


def test_an_unsupported_claim_asks_for_a_person() -> None:
    doubtful = replace(GOOD, unsupported_claims=(Claim(text="t", stance="supports", citations=()),))
    (found,) = review_reasons(doubtful, SCORED, CALM)
    assert (found.code, found.value, found.threshold) == ("UNSUPPORTED_CLAIM", "1", "0")


def test_a_person_needs_no_second_person_here() -> None:
    assert review_reasons(verdict(VETO, "fail", source="person"), VETO, Signals(forced=True)) == ()


@settings(max_examples=80)
@given(
    st.sampled_from(["pass", "partial", "fail", "not_found", "needs_human"]),
    st.decimals(0, 1, places=4),
    st.decimals(0, 1, places=4),
    st.lists(st.sampled_from(REASON_CODES), max_size=3),
)
def test_reasons_are_of_the_catalogue_and_each_once(
    outcome: str, confidence: Decimal, coverage: Decimal, causes: list[str]
) -> None:
    signals = Signals(coverage=coverage, causes=tuple(causes))
    found = codes(*review_reasons(verdict(MANDATORY, outcome, confidence=confidence), MANDATORY, signals))
    assert len(found) == len(set(found))
    assert set(found) <= set(REASON_CODES)
    assert found or outcome in ("pass", "partial")


def test_every_criterion_has_one_result_or_the_run_fails() -> None:
    first, second, group = criterion("judged", code="A"), criterion("judged", code="B"), criterion("group", code="G")
    both = [verdict(first), verdict(second)]
    check_complete([first, second, group], both)
    for verdicts in (both[:1], [*both, both[0]], [*both, verdict(group)]):
        with pytest.raises(Permanent) as failure:
            check_complete([first, second, group], verdicts)
        assert failure.value.code == "EVALUATION_INCOMPLETE"
