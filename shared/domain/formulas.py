"""Scores computed from a fact, alone or over all valid bids; decimals only, rounded half up once (E15-E23)."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

FORMULAS = ("lowest_ratio", "mean_deviation", "linear", "steps")
COHORT_FORMULAS = ("lowest_ratio", "mean_deviation")


def rounded(value: Decimal, decimals: int = 2) -> Decimal:
    """Half up to that many decimals (E23)."""
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def clamp(value: Decimal, low: Decimal, high: Decimal) -> Decimal:
    """The nearest value inside [low, high]."""
    return min(max(value, low), high)


def lowest_ratio(maximum: Decimal, price: Decimal, prices: Sequence[Decimal]) -> Decimal:
    """M * p_min / p; raises ValueError for a price that is not positive or a cohort without prices."""
    if price <= 0 or not prices or min(prices) <= 0:
        raise ValueError("a ratio of prices needs positive prices")
    return clamp(maximum * min(prices) / price, Decimal(0), maximum)


def mean_deviation(
    maximum: Decimal,
    price: Decimal,
    prices: Sequence[Decimal],
    *,
    k: Decimal,
    above: Decimal,
    below: Decimal,
    drop_extremes: bool = False,
) -> Decimal:
    """With B = mean * (1 - k) and d = (p - B) / B: M - above * max(0, 100 d) - below * max(0, -100 d), not below 0.

    `drop_extremes` leaves out one highest and one lowest price when there are at least five."""
    basis = sorted(prices)
    if drop_extremes and len(basis) >= 5:
        basis = basis[1:-1]
    if not basis or min(basis) <= 0:
        raise ValueError("a mean of prices needs positive prices")
    base = sum(basis, Decimal(0)) / len(basis) * (1 - k)
    deviation = (price - base) / base * 100
    lost = above * max(Decimal(0), deviation) + below * max(Decimal(0), -deviation)
    return clamp(maximum - lost, Decimal(0), maximum)


def linear(maximum: Decimal, value: Decimal, *, best: Decimal, worst: Decimal) -> Decimal:
    """M * clamp((worst - p) / (worst - best), 0, 1), falling or rising; raises ValueError if best = worst."""
    if best == worst:
        raise ValueError("best and worst are the same")
    return maximum * clamp((worst - value) / (worst - best), Decimal(0), Decimal(1))


def steps(value: Decimal, table: Sequence[Mapping[str, Any]]) -> Decimal | None:
    """Points of the step with from <= value < to; a missing end is open. None outside the table."""
    for row in table:
        low, high = row.get("from"), row.get("to")
        if (low is None or value >= Decimal(str(low))) and (high is None or value < Decimal(str(high))):
            return Decimal(str(row["points"]))
    return None


def step_gaps(table: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where a table of steps has gaps or overlaps, as "40 < 50"; only the first start and the last end may be open."""
    problems = []
    rows = sorted(
        table, key=lambda row: Decimal(str(row["from"])) if row.get("from") is not None else Decimal("-Infinity")
    )
    for row, following in pairwise(rows):
        end, start = row.get("to"), following.get("from")
        if end is None or start is None or Decimal(str(end)) != Decimal(str(start)):
            problems.append(f"{end} to {start}")
    return problems


def formula_score(
    formula: Mapping[str, Any], maximum: Decimal, value: Decimal, cohort: Sequence[Decimal]
) -> Decimal | None:
    """The score before rounding; None when a table of steps does not cover the value. Raises ValueError for values
    the formula is not defined for and KeyError for a formula that is not in FORMULAS."""
    kind = formula["kind"]
    if kind == "lowest_ratio":
        return lowest_ratio(maximum, value, cohort)
    if kind == "mean_deviation":
        return mean_deviation(
            maximum,
            value,
            cohort,
            k=Decimal(str(formula.get("k", "0"))),
            above=Decimal(str(formula["a"])),
            below=Decimal(str(formula["b"])),
            drop_extremes=bool(formula.get("drop_extremes", False)),
        )
    if kind == "linear":
        return linear(maximum, value, best=Decimal(str(formula["best"])), worst=Decimal(str(formula["worst"])))
    if kind == "steps":
        points = steps(value, formula["steps"])
        return None if points is None else clamp(points, Decimal(0), maximum)
    raise KeyError(kind)
