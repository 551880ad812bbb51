"""Equal content has equal bytes; anything that JSON cannot say exactly is refused."""

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.blocks import Line
from shared.domain.canonical_json import canonical, digest, plain_decimal

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def test_keys_are_sorted_and_blanks_left_out() -> None:
    assert canonical({"b": 1, "a": [True, None, "中"]}) == '{"a":[true,null,"中"],"b":1}'.encode()


def test_keys_sort_by_utf_16_as_the_rfc_wants() -> None:
    # RFC 8785 section 3.2.3: an astral character sorts before U+FB33 because its surrogates are smaller.
    assert canonical({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (4.5, "4.5"),
        (2e-3, "0.002"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (333333333.33333329, "333333333.3333333"),
        (-1.5e-9, "-1.5e-9"),
    ],
)
def test_floats_are_written_as_ecmascript_does(number: float, text: str) -> None:
    assert canonical(number) == text.encode()


def test_equal_decimals_have_equal_bytes() -> None:
    assert canonical(Decimal("10.500")) == canonical(Decimal("10.5")) == b'"10.5"'
    assert plain_decimal(Decimal("1E+3")) == "1000"
    assert plain_decimal(Decimal("-0.00")) == "0"


def test_dates_and_dataclasses_have_a_form() -> None:
    assert canonical({"d": date(2026, 2, 21)}) == b'{"d":"2026-02-21"}'
    assert b'"end":4' in canonical(Line(1, None, 0, 4))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN")])
def test_a_number_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="finite"):
        canonical(value)


@pytest.mark.parametrize("value", [object(), {1: "a"}, b"bytes"])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


@settings(max_examples=60)
@given(JSON)
def test_canonical_text_reads_back_and_is_a_fixed_point(value: object) -> None:
    assert json.loads(canonical(value)) == value
    assert canonical(json.loads(canonical(value))) == canonical(value)


def test_the_digest_does_not_depend_on_key_order() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
