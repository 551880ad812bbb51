"""Worked examples of every formula (E15-E23), in decimals."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.formulas import (
    formula_score,
    linear,
    lowest_ratio,
    mean_deviation,
    rounded,
    step_gaps,
    steps,
)

D = Decimal
PRICES = [D("1284600"), D("1198450"), D("1142300")]


@pytest.mark.parametrize(("price", "score"), [("1142300", "35.00"), ("1198450", "33.36"), ("1284600", "31.12")])
def test_lowest_ratio_gives_the_share_of_the_lowest_price(price: str, score: str) -> None:
    assert rounded(lowest_ratio(D(35), D(price), PRICES)) == D(score)


def test_mean_deviation_by_hand() -> None:
    # Prices 90, 100, 110: mean 100, k 5 % gives B = 95. For 100: d = 5/95 = 5.263 %, so 30 - 1 * 5.263 = 24.737.
    prices = [D(90), D(100), D(110)]
    rule: dict[str, Any] = {"k": D("0.05"), "above": D(1), "below": D("0.5")}
    assert rounded(mean_deviation(D(30), D(100), prices, **rule), 3) == D("24.737")
    # For 90: d = -5/95 = -5.263 %, so 30 - 0.5 * 5.263 = 27.368.
    assert rounded(mean_deviation(D(30), D(90), prices, **rule), 3) == D("27.368")
    assert mean_deviation(D(30), D(95), prices, **rule) == 30
    assert mean_deviation(D(30), D(190), prices, **rule) == 0


def test_mean_deviation_drops_extremes_only_from_five_bids_on() -> None:
    rule: dict[str, Any] = {"k": D(0), "above": D(1), "below": D(1)}
    five = [D(1), D(90), D(100), D(110), D(900)]
    assert mean_deviation(D(30), D(100), five, drop_extremes=True, **rule) == 30
    assert mean_deviation(D(30), D(100), five, **rule) < 30
    four = [D(1), D(90), D(100), D(110)]
    assert mean_deviation(D(30), D(100), four, drop_extremes=True, **rule) < 30


@pytest.mark.parametrize(("value", "score"), [("30", "10"), ("90", "0"), ("60", "5"), ("20", "10"), ("120", "0")])
def test_linear_falls_from_best_to_worst(value: str, score: str) -> None:
    assert linear(D(10), D(value), best=D(30), worst=D(90)) == D(score)


def test_linear_rises_when_more_is_better() -> None:
    assert linear(D(10), D(48), best=D(60), worst=D(36)) == D(5)


def test_steps_include_their_start_and_exclude_their_end() -> None:
    table = [{"to": "30", "points": "10"}, {"from": "30", "to": "60", "points": "6"}, {"from": "60", "points": "0"}]
    assert [steps(D(value), table) for value in ("29.99", "30", "59", "60", "500")] == [10, 6, 6, 0, 0]
    assert step_gaps(table) == []
    assert steps(D(5), [{"from": "10", "to": "20", "points": "1"}]) is None


@pytest.mark.parametrize(
    "table",
    [
        [{"from": "0", "to": "30", "points": "1"}, {"from": "40", "to": "50", "points": "2"}],
        [{"from": "0", "to": "30", "points": "1"}, {"from": "20", "to": "50", "points": "2"}],
        [{"from": "0", "points": "1"}, {"from": "20", "to": "50", "points": "2"}],
    ],
)
def test_gaps_and_overlaps_of_steps_are_found(table: list[dict[str, str]]) -> None:
    assert len(step_gaps(table)) == 1


def test_rounding_is_half_up() -> None:
    assert [rounded(D(value)) for value in ("1.005", "1.004", "2.675")] == [D("1.01"), D("1.00"), D("2.68")]


def test_prices_that_are_not_positive_have_no_ratio() -> None:
    with pytest.raises(ValueError, match="positive"):
        lowest_ratio(D(35), D(0), [D(0)])
    with pytest.raises(ValueError, match="positive"):
        mean_deviation(D(35), D(1), [], k=D(0), above=D(1), below=D(1))
    with pytest.raises(ValueError, match="same"):
        linear(D(10), D(1), best=D(5), worst=D(5))


@settings(max_examples=60)
@given(st.lists(st.decimals(min_value=1, max_value=10**7, places=2), min_size=1, max_size=6), st.integers(0, 5))
def test_a_score_stays_between_nothing_and_the_maximum(prices: list[Decimal], which: int) -> None:
    price = prices[which % len(prices)]
    for formula in ({"kind": "lowest_ratio"}, {"kind": "mean_deviation", "k": "0.05", "a": "1", "b": "0.5"}):
        score = formula_score(formula, D(35), price, prices)
        assert score is not None
        assert 0 <= score <= 35
