"""Tests on facts as a whole: presence, counts, sums and agreement, and the shapes a pack may write (E36)."""

from typing import Any

import pytest

from shared.domain.errors import Refused
from shared.domain.facts import Fact
from shared.domain.rule_pack_tests import check_test, check_unit
from shared.domain.rule_tests import Grounds, evaluate_test
from shared.domain.truth import Truth
from tests.evaluation_parts import fact, passages


def euros(amount: str, field: str = "price", **changes: Any) -> Fact:
    return fact(field, {"amount": amount}, currency="EUR", **changes)


def name(text: str, field: str = "bidder_name") -> Fact:
    return fact(field, {"text": text})


def truth(test: dict[str, Any], *facts: Fact, **grounds: Any) -> Truth:
    check_test(test, "$")
    return evaluate_test(test, Grounds(facts=facts, **grounds)).truth


TABLE: list[tuple[dict[str, Any], list[Fact], Truth]] = [
    ({"fact": "price", "op": "exists"}, [euros("1")], True),
    ({"fact": "price", "op": "exists"}, [], False),
    ({"fact": "price", "op": "not_exists"}, [], True),
    ({"fact": "price", "op": "not_exists"}, [euros("1")], False),
    ({"fact": "client", "op": "count_ge", "value": 2}, [name("A", "client"), name("B", "client")], True),
    ({"fact": "client", "op": "count_ge", "value": 2}, [name("A", "client"), name("a", "client")], False),
    ({"fact": "client", "op": "count_ge", "value": 2}, [], False),
    (
        {"fact": "line", "op": "sum_eq", "value": {"fact": "price"}},
        [euros("1", "line"), euros("2", "line"), euros("3")],
        True,
    ),
    ({"fact": "line", "op": "sum_eq", "value": {"fact": "price"}}, [euros("1", "line"), euros("3")], False),
    ({"fact": "line", "op": "sum_eq", "value": {"fact": "price"}}, [euros("1", "line")], None),
    ({"fact": "line", "op": "sum_eq", "value": {"amount": "3", "currency": "EUR"}}, [euros("3", "line")], True),
    ({"fact": "bidder_name", "op": "same_as"}, [name("Calder Ltd"), name("CALDER LTD")], True),
    ({"fact": "bidder_name", "op": "same_as"}, [name("Calder Ltd"), name("Westmark plc")], False),
    ({"fact": "bidder_name", "op": "same_as", "value": {"fact": "holder"}}, [name("A"), name("A", "holder")], True),
    ({"fact": "bidder_name", "op": "same_as", "value": {"fact": "holder"}}, [name("A"), name("B", "holder")], False),
    ({"fact": "bidder_name", "op": "same_as", "value": {"fact": "holder"}}, [name("A")], None),
    ({"fact": "price", "op": "same_as"}, [euros("1"), fact("price", {"amount": "1"}, currency="USD")], None),
    ({"fact": "price", "op": "le", "value": {"amount": "5", "currency": "EUR"}}, [euros("4"), euros("5")], True),
    ({"fact": "price", "op": "le", "value": {"amount": "5", "currency": "EUR"}}, [euros("4"), euros("6")], None),
    ({"fact": "price", "op": "le", "value": "5", "unit": "EUR"}, [euros("4")], True),
    ({"fact": "price", "op": "between", "value": ["1", "5"], "unit": "EUR"}, [euros("4")], True),
    ({"fact": "price", "op": "in", "value": ["4", "5"], "unit": "EUR"}, [euros("4")], True),
    ({"fact": "price", "op": "le", "value": "5", "unit": "EUR"}, [], None),
    ({"fact": "end", "op": "date_after", "value": "2026-12-01"}, [fact("end", {"date": "2027-01"})], True),
]


@pytest.mark.parametrize(("test", "facts", "expected"), TABLE)
def test_facts_are_tested_as_a_whole(test: dict[str, Any], facts: list[Fact], expected: Truth) -> None:
    assert truth(test, *facts) is expected


def test_a_missing_fact_is_missing_and_not_false() -> None:
    finding = evaluate_test({"fact": "price", "op": "le", "value": 5}, Grounds())
    assert (finding.truth, finding.missing, finding.cause) == (None, True, "INSUFFICIENT_EVIDENCE")


def test_a_clear_reading_counts_before_an_ambiguous_one_and_a_person_before_both() -> None:
    test = {"fact": "price", "op": "eq", "value": {"amount": "4", "currency": "EUR"}}
    unclear = fact("price", {"ambiguous": True, "text": "EUR 4.000"})
    assert truth(test, unclear) is None
    assert truth(test, unclear, euros("4")) is True
    assert truth(test, unclear, euros("5"), euros("4", state="confirmed")) is True


YES, NO, UNKNOWN = (
    {"fact": "price", "op": "eq", "value": {"amount": amount, "currency": currency}}
    for amount, currency in (("4", "EUR"), ("5", "EUR"), ("4", "USD"))
)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ({"all_of": [YES, YES]}, True),
        ({"all_of": [YES, NO, UNKNOWN]}, False),
        ({"all_of": [YES, UNKNOWN]}, None),
        ({"any_of": [NO, YES, UNKNOWN]}, True),
        ({"any_of": [NO, UNKNOWN]}, None),
        ({"any_of": [NO, NO]}, False),
        ({"none_of": [NO, NO]}, True),
        ({"none_of": [NO, YES]}, False),
        ({"none_of": [NO, UNKNOWN]}, None),
        ({"any_of": [{"all_of": [YES, NO]}, {"none_of": [NO]}]}, True),
    ],
)
def test_combinations_follow_kleene(test: dict[str, Any], expected: Truth) -> None:
    assert truth(test, euros("4")) is expected


def test_a_combination_shows_the_places_that_decided_it() -> None:
    hotline = {"text": "hotline", "op": "exists"}
    found = evaluate_test({"any_of": [hotline, NO]}, Grounds(facts=[euros("4")], passages=passages("A hotline.")))
    assert [support.fact is None for support in found.supports] == [True]


WRONG: list[tuple[Any, str]] = [
    ("text", "$"),
    ({"fact": "price", "text": "x", "op": "exists"}, "$"),
    ({"fact": "price", "op": "exists", "extra": 1}, "$.extra"),
    ({"fact": "price", "op": "le", "value": [1]}, "$.value"),
    ({"fact": "price", "op": "le", "value": "soon"}, "$.value"),
    ({"fact": "price", "op": "eq", "value": {"amount": "1", "tax": "maybe"}}, "$.value.tax"),
    ({"fact": "price", "op": "between", "value": ["1"]}, "$.value"),
    ({"fact": "price", "op": "in", "value": []}, "$.value"),
    ({"fact": "name", "op": "contains_all", "value": "a"}, "$.value"),
    ({"fact": "name", "op": "matches", "value": "(a+)+"}, "$.value"),
    ({"fact": "end", "op": "valid_on", "value": "May"}, "$.value"),
    ({"fact": "end", "op": "within", "value": {"amount": "3", "unit": "year"}}, "$.value.before"),
    ({"fact": "end", "op": "within", "value": {"amount": "3", "unit": "moon", "before": "2026-01-01"}}, "$.value.unit"),
    ({"fact": "client", "op": "count_ge", "value": 0}, "$.value"),
    ({"text": {"any": ["a"]}, "op": "count_ge"}, "$.value"),
    ({"text": {"any": []}, "op": "exists"}, "$.text.any"),
    ({"text": {"any": ["a"], "near": [[]]}, "op": "exists"}, "$.text.near[0]"),
    ({"text": " ", "op": "exists"}, "$.text"),
    ({"material": [], "op": "exists"}, "$.material"),
    ({"all_of": []}, "$.all_of"),
    (
        {"all_of": [{"any_of": [{"all_of": [{"any_of": [{"none_of": [YES]}]}]}]}]},
        "$.all_of[0].any_of[0].all_of[0].any_of[0]",
    ),
]


@pytest.mark.parametrize(("test", "path"), WRONG)
def test_a_test_that_cannot_be_evaluated_is_refused_at_its_place(test: Any, path: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_test(test, "$")
    assert (refusal.value.code, refusal.value.details["path"]) == ("RULE_PACK_INVALID", path)


def test_a_unit_is_a_known_one_or_a_currency() -> None:
    check_unit("month", "$")
    check_unit("EUR", "$")
    with pytest.raises(Refused):
        check_unit("moon", "$")
