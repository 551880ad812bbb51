"""The operators of rule packs on values of facts, three-valued, with units that never convert silently (E36-E38)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from shared.domain.patterns import found_in
from shared.domain.truth import Truth, all_true, any_true, both, opposite
from shared.domain.units import convert, exact
from shared.domain.value_dates import day_bounds

COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
VALUE_OPERATORS = (
    *COMPARISONS,
    *("between", "in", "not_in", "contains_all", "contains_any", "matches"),
    *("date_before", "date_after", "within", "valid_on"),
)
GROUP_OPERATORS = ("exists", "not_exists", "count_ge", "sum_eq", "same_as")
COMBINATIONS = ("all_of", "any_of", "none_of")
OPERATORS = (*VALUE_OPERATORS, *GROUP_OPERATORS, *COMBINATIONS)

Reading = Mapping[str, Any]
Interval = tuple[Decimal, Decimal]


def reading(value: Any, unit: str | None = None, currency: str | None = None) -> dict[str, Any]:
    """One shape for both sides: a fact's value or a pack's (60, "60", {"amount": 60, "unit": "month"}, text)."""
    out = dict(value) if isinstance(value, Mapping) else {}
    if not isinstance(value, Mapping):
        numeric = isinstance(value, int | Decimal) and not isinstance(value, bool)
        out = {"amount": str(value)} if numeric else {"text": str(value)}
    if unit and len(unit) == 3 and unit.isupper():
        currency, unit = unit, None
    return out | {"unit": out.get("unit") or unit, "currency": out.get("currency") or currency}


def compare(op: str, left: Reading, right: Any, declared: Mapping[str, str]) -> Truth:
    """Apply a value operator to a reading of a bid and a value of the pack.

    Unknown for an ambiguous reading, a range that straddles the bound, or units, currencies and tax bases with no
    declared conversion. Raises KeyError for an operator that is not in VALUE_OPERATORS."""
    if left.get("ambiguous"):
        return None
    return _OPERATORS[op](left, right, declared)


def _interval(left: Reading, right: Reading, declared: Mapping[str, str]) -> tuple[Interval, Interval] | None:
    """Both sides as closed intervals of one unit, or None when they cannot be compared."""
    ends = [_ends(side) for side in (left, right)]
    if ends[0] is None or ends[1] is None:
        return None
    mine, wanted = list(ends[0]), list(ends[1])
    if right.get("tax") and left.get("tax") != right.get("tax"):
        taxed = [convert(end, left.get("tax"), right.get("tax"), declared) for end in mine]
        if any(end is None for end in taxed):
            return None
        mine = [end for end in taxed if end is not None]
    for key in ("unit", "currency"):
        moved = [convert(end, left.get(key), right.get(key), declared) for end in mine]
        if any(end is None for end in moved):
            return None
        mine = [end for end in moved if end is not None]
    return (mine[0], mine[1]), (wanted[0], wanted[1])


def _ends(side: Reading) -> Interval | None:
    """A bound is what its author is bound to: "within 60 days" promises 60 (R15)."""
    low, high = side.get("low", side.get("amount")), side.get("high", side.get("amount"))
    if low is None and "text" in side:
        text = str(side["text"]).strip()
        low = high = text if text.replace(".", "", 1).lstrip("-").isdigit() else None
    return None if low is None or high is None else (Decimal(str(low)), Decimal(str(high)))


def _ordered(test: Callable[[Decimal, Decimal], bool], rising: bool) -> Callable[..., Truth]:
    """An order holds when it holds for both ends of a range, fails when for neither, else is unknown."""

    def apply(left: Reading, right: Any, declared: Mapping[str, str]) -> Truth:
        pair = _interval(left, reading(right), declared)
        if pair is None:
            return None
        (low, high), (wanted_low, wanted_high) = pair
        hardest, easiest = (
            (test(high, wanted_low), test(low, wanted_high))
            if rising
            else (test(low, wanted_high), test(high, wanted_low))
        )
        return True if hardest else None if easiest else False

    return apply


_le = _ordered(lambda a, b: a <= b, rising=True)
_lt = _ordered(lambda a, b: a < b, rising=True)
_ge = _ordered(lambda a, b: a >= b, rising=False)
_gt = _ordered(lambda a, b: a > b, rising=False)


def _eq(left: Reading, right: Any, declared: Mapping[str, str]) -> Truth:
    wanted = reading(right)
    if _ends(left) is not None and _ends(wanted) is not None:
        return both(_le(left, wanted, declared), _ge(left, wanted, declared))
    if left.get("date") and (wanted.get("date") or wanted.get("text")):
        return _same_day(left, wanted)
    if "text" in left and "text" in wanted:
        return plain(left["text"]) == plain(wanted["text"])
    return None


def plain(text: Any) -> str:
    """Text for comparison: lower case, letters and digits only."""
    return "".join(sign for sign in str(text).lower() if sign.isalnum())


def _between(left: Reading, right: Any, declared: Mapping[str, str]) -> Truth:
    return both(_ge(left, right[0], declared), _le(left, right[1], declared))


def _in(left: Reading, right: Any, declared: Mapping[str, str]) -> Truth:
    return any_true(_eq(left, wanted, declared) for wanted in right)


def _contains(left: Reading, right: Any, fold: Callable[[list[Truth]], Truth]) -> Truth:
    if "text" not in left:
        return None
    return fold([plain(term) in plain(left["text"]) for term in right])


def _days(side: Any) -> tuple[date, date] | None:
    """First and last day that a date can mean, or None for what is no date."""
    text = side if isinstance(side, str) else side.get("date") or side.get("text")
    try:
        return day_bounds(str(text))
    except (ValueError, TypeError):
        return None


def _before(left: Reading, right: Any, declared: Mapping[str, str]) -> Truth:
    mine, wanted = _days(left), _days(right)
    if mine is None or wanted is None:
        return None
    return True if mine[1] < wanted[0] else False if mine[0] >= wanted[1] else None


def _after(left: Reading, right: Any, declared: Mapping[str, str]) -> Truth:
    mine, wanted = _days(left), _days(right)
    if mine is None or wanted is None:
        return None
    return True if mine[0] > wanted[1] else False if mine[1] <= wanted[0] else None


def _valid_on(left: Reading, right: Any, declared: Mapping[str, str]) -> Truth:
    """A validity that ends on a date covers that day; a start after it does not."""
    begun = opposite(_after({"date": left["from"]}, right, declared)) if left.get("from") else True
    return both(begun, opposite(_before(left, right, declared)))


def _same_day(left: Reading, right: Reading) -> Truth:
    mine, wanted = _days(left), _days(right)
    if mine is None or wanted is None:
        return None
    if mine[1] < wanted[0] or wanted[1] < mine[0]:
        return False
    return True if mine == wanted and mine[0] == mine[1] else None


def _within(left: Reading, right: Any, declared: Mapping[str, str]) -> Truth:
    """The date lies in the window that ends at `before`, {"amount": 3, "unit": "year", "before": "2026-12-01"}."""
    last = _days(str(right["before"]))
    mine = _days(left)
    if mine is None or last is None:
        return None
    first = _back(last[0], Decimal(str(right["amount"])), str(right["unit"]))
    if first is None or mine[1] < first or mine[0] > last[1]:
        return None if first is None else False
    return True if mine[0] >= first and mine[1] <= last[1] else None


def _back(day: date, amount: Decimal, unit: str) -> date | None:
    count, small = exact(amount, unit)
    if count != int(count):
        return None
    if small == "calendar_day":
        return date.fromordinal(day.toordinal() - int(count))
    if small != "month":
        return None
    months = day.year * 12 + day.month - 1 - int(count)
    for last in (day.day, 30, 29, 28):
        if last <= day.day:
            try:
                return date(months // 12, months % 12 + 1, last)
            except ValueError:
                continue
    return None


_OPERATORS: dict[str, Callable[[Reading, Any, Mapping[str, str]], Truth]] = {
    "eq": _eq,
    "ne": lambda left, right, declared: opposite(_eq(left, right, declared)),
    "lt": _lt,
    "le": _le,
    "gt": _gt,
    "ge": _ge,
    "between": _between,
    "in": _in,
    "not_in": lambda left, right, declared: opposite(_in(left, right, declared)),
    "contains_all": lambda left, right, _: _contains(left, right, all_true),
    "contains_any": lambda left, right, _: _contains(left, right, any_true),
    "matches": lambda left, right, _: found_in(right, str(left["text"])) if "text" in left else None,
    "date_before": _before,
    "date_after": _after,
    "within": _within,
    "valid_on": _valid_on,
}


def sum_equals(parts: Sequence[Reading], total: Reading, declared: Mapping[str, str]) -> Truth:
    """Table arithmetic: the parts, converted to the unit of the total, add up to it exactly."""
    amount = _ends(total)
    if not parts or amount is None or any(part.get("ambiguous") for part in parts):
        return None
    added = Decimal(0)
    for part in parts:
        pair = _interval(part, total, declared)
        if pair is None or pair[0][0] != pair[0][1]:
            return None
        added += pair[0][0]
    return added == amount[0] if amount[0] == amount[1] else None
