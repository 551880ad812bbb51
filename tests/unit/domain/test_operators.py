"""A truth table per operator, and unknown that is never false (E36-E38)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.errors import Refused
from shared.domain.operators import (
    COMBINATIONS,
    GROUP_OPERATORS,
    OPERATORS,
    VALUE_OPERATORS,
    compare,
    reading,
    sum_equals,
)
from shared.domain.patterns import compile_pattern
from shared.domain.truth import all_true, any_true, both, either, opposite
from shared.domain.units import convert

DAY, WORK, MONTH = "calendar_day", "working_day", "month"
SPEC_OPERATORS = (
    "exists not_exists eq ne lt le gt ge between in not_in contains_all contains_any matches date_before date_after "
    "within valid_on count_ge sum_eq same_as all_of any_of none_of"
)


def days(amount: str, unit: str = DAY, **more: Any) -> dict[str, Any]:
    return {"amount": amount, "unit": unit, **more}


def money(amount: str, currency: str = "EUR", **more: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": currency, **more}


RANGE = {"low": "4", "high": "6", "unit": "week"}
TABLE: list[tuple[str, dict[str, Any], Any, bool | None]] = [
    ("eq", days("60"), days("60"), True),
    ("eq", days("60"), days("60.0"), True),
    ("eq", days("61"), days("60"), False),
    ("eq", days("60", WORK), days("60"), None),
    ("eq", RANGE, {"amount": "5", "unit": "week"}, None),
    ("eq", RANGE, {"amount": "7", "unit": "week"}, False),
    ("eq", {"text": "Grade 1"}, "grade 1", True),
    ("eq", {"text": "甲级"}, "乙级", False),
    ("eq", {"date": "2026-12-01"}, "2026-12-01", True),
    ("eq", {"date": "2026-12"}, "2026-12-01", None),
    ("ne", days("61"), days("60"), True),
    ("ne", days("60"), days("60"), False),
    ("ne", days("60", WORK), days("60"), None),
    ("lt", days("59"), days("60"), True),
    ("lt", days("60"), days("60"), False),
    ("lt", days("59", WORK), days("60"), None),
    ("le", days("60"), days("60"), True),
    ("le", days("61"), days("60"), False),
    ("le", days("2", MONTH), days("60"), None),
    ("le", RANGE, {"amount": "6", "unit": "week"}, True),
    ("le", RANGE, {"amount": "5", "unit": "week"}, None),
    ("le", RANGE, {"amount": "3", "unit": "week"}, False),
    ("le", {"amount": "8", "unit": "week"}, days("56"), True),
    ("le", days("60", bound="le"), days("60"), True),
    ("le", days("60", bound="le"), days("45"), False),
    ("gt", money("100"), money("99"), True),
    ("gt", money("100"), money("100"), False),
    ("gt", money("100"), money("99", "USD"), None),
    ("gt", money("100"), {"amount": "99"}, None),
    ("ge", {"amount": "2", "unit": "year"}, days("24", MONTH), True),
    ("ge", {"amount": "23", "unit": MONTH}, days("24", MONTH), False),
    ("ge", money("100", tax="incl"), money("100", tax="excl"), None),
    ("ge", money("100", tax="incl"), money("100", tax="incl"), True),
    ("ge", money("100"), money("100", tax="incl"), None),
    ("between", days("45"), [days("30"), days("60")], True),
    ("between", days("30"), [days("30"), days("60")], True),
    ("between", days("61"), [days("30"), days("60")], False),
    ("between", days("45", WORK), [days("30"), days("60")], None),
    ("in", {"text": "Grade 1"}, ["Grade 1", "Grade 2"], True),
    ("in", {"text": "Grade 3"}, ["Grade 1", "Grade 2"], False),
    ("in", days("60", WORK), [days("60")], None),
    ("not_in", {"text": "Grade 3"}, ["Grade 1"], True),
    ("not_in", {"text": "Grade 1"}, ["Grade 1"], False),
    ("contains_all", {"text": "water and steel works"}, ["Water", "steel"], True),
    ("contains_all", {"text": "water works"}, ["water", "steel"], False),
    ("contains_all", days("60"), ["water"], None),
    ("contains_any", {"text": "water works"}, ["water", "steel"], True),
    ("contains_any", {"text": "rail works"}, ["water", "steel"], False),
    ("contains_any", days("60"), ["water"], None),
    ("matches", {"text": "NHC-0093"}, r"NHC-\d{4}", True),
    ("matches", {"text": "NHC-93"}, r"NHC-\d{4}", False),
    ("matches", days("60"), r"\d", None),
    ("date_before", {"date": "2026-11-30"}, "2026-12-01", True),
    ("date_before", {"date": "2026-12-01"}, "2026-12-01", False),
    ("date_before", {"date": "2026-12"}, "2026-12-15", None),
    ("date_after", {"date": "2026-12-02"}, "2026-12-01", True),
    ("date_after", {"date": "2026-12-01"}, "2026-12-01", False),
    ("date_after", {"date": "2026"}, "2026-12-01", None),
    ("valid_on", {"date": "2026-12-01"}, "2026-12-01", True),
    ("valid_on", {"date": "2026-11-30"}, "2026-12-01", False),
    ("valid_on", {"date": "2026-12"}, "2026-12-15", None),
    ("valid_on", {"date": "2028-01-01", "from": "2027-01-01"}, "2026-12-01", False),
    ("within", {"date": "2024-05-01"}, {"amount": "3", "unit": "year", "before": "2026-12-01"}, True),
    ("within", {"date": "2023-11-30"}, {"amount": "3", "unit": "year", "before": "2026-12-01"}, False),
    ("within", {"date": "2023"}, {"amount": "3", "unit": "year", "before": "2026-12-01"}, None),
    ("within", {"date": "2026-02-28"}, {"amount": "1", "unit": "month", "before": "2026-03-31"}, True),
]


@pytest.mark.parametrize(("op", "left", "right", "truth"), TABLE)
def test_each_operator_follows_its_truth_table(op: str, left: dict[str, Any], right: Any, truth: bool | None) -> None:
    assert compare(op, reading(left), right, {}) is truth


def test_the_table_has_true_false_and_unknown_for_every_value_operator() -> None:
    for op in VALUE_OPERATORS:
        seen = {truth for name, _, _, truth in TABLE if name == op}
        assert {True, False} <= seen, op


def test_the_operators_are_those_of_the_specification() -> None:
    assert set(OPERATORS) == set(SPEC_OPERATORS.split())
    assert len(OPERATORS) == len(VALUE_OPERATORS) + len(GROUP_OPERATORS) + len(COMBINATIONS)


@pytest.mark.parametrize("op", VALUE_OPERATORS)
def test_an_ambiguous_value_is_unknown_to_every_operator(op: str) -> None:
    assert compare(op, {"ambiguous": True, "text": "02/03/2026"}, "2026-12-01", {}) is None


def test_a_declared_conversion_compares_months_with_days_both_ways() -> None:
    declared = {"month": "30 calendar_day"}
    assert compare("le", days("2", MONTH), days("60"), declared) is True
    assert compare("ge", days("61"), days("2", MONTH), declared) is True
    assert compare("le", days("1", "year"), days("360"), declared) is True


def test_a_declared_tax_and_currency_conversion_is_used() -> None:
    assert compare("eq", money("100", tax="excl"), money("113", tax="incl"), {"excl": "1.13 incl"}) is True
    assert compare("le", money("100", "USD"), money("710", "CNY"), {"USD": "7.1 CNY"}) is True


def test_units_convert_by_definition_only() -> None:
    assert convert(Decimal(2), "year", "month", {}) == 24
    assert convert(Decimal(3), "week", "calendar_day", {}) == 21
    assert convert(Decimal(1), "month", "calendar_day", {}) is None
    assert convert(Decimal(1), "working_day", "calendar_day", {}) is None
    assert convert(Decimal(1), None, "calendar_day", {}) is None


def test_parts_add_up_or_not_or_cannot_be_added() -> None:
    assert sum_equals([money("1.10"), money("2.20")], money("3.30"), {}) is True
    assert sum_equals([money("1.10"), money("2.20")], money("3.31"), {}) is False
    assert sum_equals([money("1.10"), money("2.20", "USD")], money("3.30"), {}) is None
    assert sum_equals([], money("0"), {}) is None


TRUTHS = st.sampled_from([True, False, None])


@settings(max_examples=40)
@given(TRUTHS, TRUTHS)
def test_kleene_logic_obeys_de_morgan(left: bool | None, right: bool | None) -> None:
    assert opposite(both(left, right)) == either(opposite(left), opposite(right))
    assert all_true([left, right]) == both(left, right)
    assert any_true([left, right]) == either(left, right)


def test_unknown_never_becomes_false() -> None:
    assert both(None, True) is None
    assert both(None, False) is False
    assert either(None, False) is None
    assert either(None, True) is True
    assert opposite(None) is None


AMOUNTS = st.decimals(min_value=0, max_value=1000, places=2)


@settings(max_examples=60)
@given(AMOUNTS, AMOUNTS)
def test_orders_of_comparable_amounts_agree_with_decimals(left: Decimal, right: Decimal) -> None:
    mine, wanted = days(str(left)), days(str(right))
    assert compare("le", mine, wanted, {}) is (left <= right)
    assert compare("gt", mine, wanted, {}) is (left > right)
    assert compare("eq", mine, wanted, {}) is (left == right)


@pytest.mark.parametrize(
    "pattern",
    [
        *("(a+)+b", "(a|a)*b", "a{2,}b+c*", "(?=x)y", r"(a)\1", "a**", "x" * 201, "(", "a*", "a?" * 20 + "b"),
        "(a|b)" * 10,
        "a{0,99}a{0,99}b",
    ],
)
def test_a_pattern_that_may_take_long_is_refused(pattern: str) -> None:
    with pytest.raises(Refused) as refusal:
        compile_pattern(pattern)
    assert refusal.value.code == "RULE_PACK_INVALID"


@pytest.mark.parametrize("pattern", [r"ISO\s?\d{4,5}", "第[一二三]类", "(一级|二级)资质", r"[A-Z]{2}-\d+", r"a\*b"])
def test_a_simple_pattern_is_accepted(pattern: str) -> None:
    assert compile_pattern(pattern).pattern == pattern
