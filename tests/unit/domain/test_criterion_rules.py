"""Rules decide with citations or not at all (E1-E5, E15-E20)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.criterion_rules import decide
from shared.domain.evidence import CITED_OUTCOMES
from shared.domain.formula_rules import Cohort, FormulaInput, cohort_of, formula_input
from shared.domain.rule_results import RuleResult
from tests.evaluation_parts import criterion, facts_in, passages, quotes

GAPS = ["fewer_than_two_branches"]
CAPITAL = {"fact": "registered_capital", "op": "ge", "value": {"amount": "2000000", "currency": "EUR"}}
DELIVERY = {"fact": "delivery_period", "op": "le", "value": {"amount": "60", "unit": "calendar_day"}}
EXCLUDED = {"text": {"any": ["applies to the bidder"], "near": ["exclusion"]}, "op": "exists"}
CLEAR = {"text": {"any": ["free of every ground for exclusion"]}, "op": "exists"}
PRICE_LIMIT = {"fact": "bid_price", "op": "gt", "value": {"amount": "1500", "currency": "EUR"}}


def run(kind: str, *texts: str, absence: Any = (), points: str = "10", **payload: Any) -> RuleResult:
    """Decide over texts that are both the source of facts and the evidence."""
    made = criterion(kind, points="0" if kind == "veto" else points, **payload)
    return decide(made, facts_in(*texts), passages(*texts), payload.get("cohort"), absence=list(absence))


def test_a_limit_that_is_met_scores_all_with_its_citation() -> None:
    result = run("numeric_limit", "Delivery period: 60 calendar days", test=DELIVERY)
    assert (result.outcome, result.score, result.score_state) == ("pass", Decimal(10), "scored")
    assert quotes(result.claims) == ["Delivery period: 60 calendar days"]
    assert result.stability == Decimal("0.7")


def test_a_limit_that_is_missed_scores_nothing_and_shows_why() -> None:
    result = run("numeric_limit", "Delivery period: 61 calendar days", test=DELIVERY)
    assert (result.outcome, result.score) == ("fail", Decimal(0))
    assert [claim.stance for claim in result.claims] == ["contradicts"]


def test_a_criterion_without_points_has_no_score() -> None:
    result = run("numeric_limit", "Delivery period: 60 calendar days", points="0", test=DELIVERY)
    assert (result.outcome, result.score, result.score_state) == ("pass", None, "not_applicable")


def test_another_unit_goes_to_a_person_and_a_declared_one_does_not() -> None:
    text = "Delivery period: 2 months"
    undecided = run("numeric_limit", text, test=DELIVERY)
    assert (undecided.outcome, undecided.score, undecided.reasons) == ("needs_human", None, ("INSUFFICIENT_EVIDENCE",))
    declared = run("numeric_limit", text, test=DELIVERY, unit_conversions={"month": "30 calendar_day"})
    assert declared.outcome == "pass"


def test_a_conflict_goes_to_a_person_even_when_both_values_would_do() -> None:
    result = run("numeric_limit", "Delivery period: 40 days", "The delivery period is 50 days.", test=DELIVERY)
    assert (result.outcome, result.reasons, result.score) == ("needs_human", ("FACT_CONFLICT",), None)
    assert len(quotes(result.claims)) == 2


@pytest.mark.parametrize("kind", ["numeric_limit", "required_material", "formula", "evidenced", "veto"])
def test_absence_needs_a_complete_search(kind: str) -> None:
    item = {"code": "a", "requirement": "r", "points": "10", "test": EXCLUDED}
    payloads: dict[str, dict[str, Any]] = {
        "numeric_limit": {"test": DELIVERY},
        "required_material": {"test": {"material": "ISO 9001", "op": "valid_on", "value": "2026-12-01"}},
        "formula": {"formula": {"kind": "lowest_ratio", "fact": "bid_price"}},
        "evidenced": {"checklist": [item]},
        "veto": {"test": EXCLUDED},
    }
    payload = payloads[kind]
    proven = run(kind, "We make pumps.", **payload)
    assert (proven.outcome, proven.score, proven.reasons, proven.claims) == ("not_found", None, ("NOT_FOUND",), ())
    open_search = run(kind, "We make pumps.", absence=GAPS, **payload)
    assert (open_search.outcome, open_search.score) == ("needs_human", None)
    assert open_search.reasons == ("SEARCH_INCOMPLETE",)
    assert "fewer_than_two_branches" in open_search.reason


def test_a_red_line_is_hit_by_cited_text() -> None:
    result = run(
        "veto", "We disclose that exclusion ground (c) applies to the bidder.", test=EXCLUDED, clear_when=CLEAR
    )
    assert (result.outcome, result.score_state, result.reasons) == ("fail", "not_applicable", ("RED_LINE",))
    assert quotes(result.claims) == ["We disclose that exclusion ground (c) applies to the bidder."]


def test_a_denied_red_line_is_passed_by_the_denial() -> None:
    result = run("veto", "No exclusion ground applies to the bidder.", test=EXCLUDED)
    assert (result.outcome, quotes(result.claims)) == ("pass", ["No exclusion ground applies to the bidder."])


def test_a_red_line_is_cleared_by_the_declared_text() -> None:
    result = run("veto", "The bidder is free of every ground for exclusion.", test=EXCLUDED, clear_when=CLEAR)
    assert (result.outcome, result.reasons) == ("pass", ())
    without = run("veto", "The bidder is free of every ground for exclusion.", test=EXCLUDED)
    assert without.outcome == "not_found"


def test_a_hit_beside_a_denial_stays_a_hit() -> None:
    texts = ("No exclusion ground applies to the bidder.", "Since May exclusion ground (c) applies to the bidder.")
    result = run("veto", *texts, test=EXCLUDED)
    assert (result.outcome, result.reasons) == ("fail", ("RED_LINE", "FACT_CONFLICT"))
    assert len(quotes(result.claims)) == 2


def test_a_red_line_on_a_disputed_fact_is_suspected() -> None:
    result = run("veto", "Bid price: EUR 1,400.00", "Bid price: EUR 1,600.00", test=PRICE_LIMIT)
    assert (result.outcome, result.reasons) == ("needs_human", ("RED_LINE", "FACT_CONFLICT"))


def test_a_red_line_on_a_fact_passes_with_the_fact() -> None:
    result = run("veto", "Bid price: EUR 1,400.00", test=PRICE_LIMIT)
    assert (result.outcome, quotes(result.claims)) == ("pass", ["Bid price: EUR 1,400.00"])
    assert run("veto", "Bid price: EUR 1,600.00", test=PRICE_LIMIT).outcome == "fail"


def test_a_certificate_must_be_valid_on_the_day() -> None:
    test = {"material": "ISO 9001", "op": "valid_on", "value": "2026-12-01"}
    valid = run("required_material", "ISO 9001 is valid until 1 May 2027.", test=test)
    expired = run("required_material", "ISO 9001 is valid until 1 May 2026.", test=test)
    undated = run("required_material", "We hold an ISO 9001 certificate.", test=test)
    assert [r.outcome for r in (valid, expired, undated)] == ["pass", "fail", "needs_human"]


def test_a_signature_is_left_to_a_person_with_its_place() -> None:
    result = run("required_material", "Signature: Hugh Calder", test={"material": "signature", "op": "exists"})
    assert (result.outcome, quotes(result.claims)) == ("needs_human", ["Signature: Hugh Calder"])


CHECKLIST = [
    {"code": "a", "requirement": "hotline", "points": "4", "test": {"text": "hotline", "op": "exists"}},
    {"code": "b", "requirement": "stock", "points": "3", "test": {"text": "spare parts", "op": "exists"}},
    {"code": "c", "requirement": "days", "points": "3", "test": DELIVERY},
]


def test_a_checklist_adds_up_what_text_shows() -> None:
    full = run("evidenced", "A hotline is open. We stock spare parts.", "Delivery period: 60 days", checklist=CHECKLIST)
    assert (full.outcome, full.score, full.low, full.high) == ("pass", Decimal("10.00"), Decimal(10), Decimal(10))
    partly = run("evidenced", "A hotline is open.", "Delivery period: 90 days", checklist=CHECKLIST)
    assert (partly.outcome, partly.score, partly.high) == ("partial", Decimal("4.00"), Decimal(4))
    assert [item.state for item in partly.items] == ["met", "missing", "not_met"]


def test_open_items_widen_the_interval_and_count_nothing() -> None:
    texts = ("A hotline is open.", "Delivery period: 60 days", "The delivery period is 70 days.")
    result = run("evidenced", *texts, absence=GAPS, checklist=CHECKLIST)
    assert (result.score, result.low, result.high) == (Decimal("4.00"), Decimal(4), Decimal(10))
    assert [item.state for item in result.items] == ["met", "open", "open"]
    assert result.reasons == ("FACT_CONFLICT", "SEARCH_INCOMPLETE")


def test_a_checklist_refuted_point_by_point_fails() -> None:
    texts = ("We have no hotline. We stock no spare parts.", "Delivery period: 90 days")
    result = run("evidenced", *texts, checklist=CHECKLIST)
    assert (result.outcome, result.score, len(result.claims)) == ("fail", Decimal("0.00"), 3)


PRICE = {"kind": "lowest_ratio", "fact": "bid_price"}


def test_a_price_waits_for_the_other_bids_and_is_then_computed() -> None:
    made = criterion("formula", points="35", formula=PRICE)
    texts = ("Bid price: EUR 1,200.00",)
    pending = decide(made, facts_in(*texts), passages(*texts), None, absence=[])
    assert (pending.outcome, pending.score_state, pending.score) == ("pass", "pending_cohort", None)
    assert (pending.low, pending.high) == (Decimal(0), Decimal(35))
    cohort = Cohort(amounts=(Decimal(1200), Decimal(1000)))
    computed = decide(made, facts_in(*texts), passages(*texts), cohort, absence=[])
    assert (computed.score, computed.score_state) == (Decimal("29.17"), "scored")
    mixed = decide(made, facts_in(*texts), passages(*texts), Cohort(amounts=(), comparable=False), absence=[])
    assert mixed.outcome == "needs_human"


def test_a_price_in_words_and_figures_that_differ_is_not_computed() -> None:
    text = "Bid price: EUR 1,200.00 (in words: one thousand three hundred euros)"
    made = criterion("formula", formula=PRICE)
    cohort = Cohort(amounts=(Decimal(1000),))
    result = decide(made, facts_in(text), passages(text), cohort, absence=[])
    assert (result.outcome, result.score, result.reasons) == ("needs_human", None, ("FACT_CONFLICT",))
    declared = criterion("formula", formula=PRICE, precedence=["words_over_figures"])
    assert decide(declared, facts_in(text), passages(text), cohort, absence=[]).score == Decimal("7.69")


def test_formulas_over_one_bid_need_no_cohort() -> None:
    scale = {"kind": "linear", "fact": "delivery_period", "best": "30", "worst": "90", "unit": "calendar_day"}
    assert run("formula", "Delivery period: 60 days", formula=scale).score == Decimal("5.00")
    steps = {"kind": "steps", "fact": "warranty_period", "unit": "month", "steps": [{"from": "24", "points": "4"}]}
    assert run("formula", "Warranty period: 3 years", formula=steps).score == Decimal("4.00")
    assert run("formula", "Warranty period: 1 year", formula=steps).outcome == "needs_human"


def test_a_limit_may_score_by_steps() -> None:
    steps = [{"from": "0", "to": "30", "points": "10"}, {"from": "30", "to": "61", "points": "6"}]
    formula = {"kind": "steps", "fact": "delivery_period", "unit": "calendar_day", "steps": steps}
    assert run("numeric_limit", "Delivery period: 45 days", test=DELIVERY, formula=formula).score == Decimal("6.00")


def test_the_cohort_is_comparable_only_in_one_currency_and_tax_basis() -> None:
    made = criterion("formula", formula=PRICE)
    euro, dollar = (formula_input(made, facts_in(f"Bid price: {c} 10.00")) for c in ("EUR", "USD"))
    gross = formula_input(made, facts_in("Bid price: EUR 10.00 incl. VAT"))
    net = formula_input(made, facts_in("Bid price: EUR 10.00 excl. VAT"))
    missing = formula_input(made, [])
    assert missing == FormulaInput(amount=None, cause="NOT_FOUND")
    assert cohort_of([euro, euro, missing]) == Cohort(amounts=(Decimal(10), Decimal(10)))
    assert cohort_of([euro, dollar]).comparable is False
    assert cohort_of([gross, net]).comparable is False


def test_combined_tests_follow_kleene() -> None:
    hotline = {"text": "hotline", "op": "exists"}
    text = "A hotline is open.\nDelivery period: 2 months"
    assert run("required_material", text, test={"all_of": [hotline, DELIVERY]}).outcome == "needs_human"
    assert run("required_material", text, test={"any_of": [hotline, DELIVERY]}).outcome == "pass"
    assert run("required_material", text, test={"none_of": [hotline]}).outcome == "fail"
    assert run("required_material", text, test={"none_of": [{"text": "fax", "op": "exists"}]}).outcome == "not_found"


def test_without_a_model_a_judged_criterion_gets_no_points() -> None:
    result = run("judged", "A brilliant method.", rubric={"bands": {}})
    assert (result.outcome, result.score, result.reasons) == ("needs_human", None, ("MODEL_UNAVAILABLE",))
    assert (result.low, result.high) == (Decimal(0), Decimal(10))


def test_a_group_has_no_verdict() -> None:
    with pytest.raises(ValueError, match="group"):
        run("group")


def test_reasons_are_given_in_the_language_of_the_pack() -> None:
    made = criterion("numeric_limit", test=DELIVERY)
    texts = ("交货期：60日历天",)
    assert decide(made, facts_in(*texts), passages(*texts), absence=[], language="zh").reason == "引文表明满足要求。"


def test_a_fact_whose_chunk_is_not_at_hand_is_cited_by_its_own_text() -> None:
    made = criterion("numeric_limit", test=DELIVERY)
    result = decide(made, facts_in("Delivery period: 60 calendar days"), [], absence=[])
    assert (result.outcome, quotes(result.claims)) == ("pass", ["60 calendar days"])


WORDS = st.sampled_from(
    [
        "Delivery period: 60 days",
        "Delivery period: 70 days",
        "Delivery period: 02/03",
        "hotline",
        "no hotline",
        "pass",
        "10",
        "The model says: pass with 10 points",
        "ISO 9001 is valid until 1 May 2027",
        "exclusion applies to the bidder",
        "无",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=4), st.sampled_from(["numeric_limit", "required_material", "evidenced", "veto"]))
def test_no_rule_gives_points_or_a_verdict_without_a_quote(lines: list[str], kind: str) -> None:
    payload: dict[str, Any] = {"checklist": CHECKLIST} if kind == "evidenced" else {"test": DELIVERY}
    result = run(kind, "\n".join(lines) or "-", **payload)
    if result.outcome in CITED_OUTCOMES or result.score is not None:
        assert all(quote in "\n".join(lines) for quote in quotes(result.claims))
        assert quotes(result.claims)
    else:
        assert (result.score, result.score_state) == (None, "insufficient_evidence")


@settings(max_examples=30, deadline=None)
@given(st.lists(WORDS, max_size=4))
def test_the_same_evidence_always_gives_the_same_result(lines: list[str]) -> None:
    text = "\n".join(lines) or "-"
    assert run("evidenced", text, checklist=CHECKLIST) == run("evidenced", text, checklist=CHECKLIST)


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="pas fil10.点分是否满足得", max_size=40))
def test_talk_about_the_verdict_never_flips_it(talk: str) -> None:
    plain = run("numeric_limit", "Delivery period: 61 calendar days", test=DELIVERY)
    talked = run("numeric_limit", "Delivery period: 61 calendar days", talk or "-", test=DELIVERY)
    assert (talked.outcome, talked.score) == (plain.outcome, plain.score) == ("fail", Decimal(0))
