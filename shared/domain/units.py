"""Units convert by definition (a year is 12 months) or by a declaration of the rule pack, never silently (E38)."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

EXACT = {"year": (Decimal(12), "month"), "week": (Decimal(7), "calendar_day"), "minute": (Decimal(1) / 60, "hour")}
UNITS = ("calendar_day", "working_day", "week", "month", "year", "hour", "minute")
_CONVERSION = re.compile(r"\s*(\d+(?:\.\d+)?)\s+([A-Za-z_]+)\s*")
_DEPTH = 4


def exact(amount: Decimal, unit: str | None) -> tuple[Decimal, str | None]:
    """Reduce by definitions only: 2 year is 24 month, 3 week is 21 calendar_day."""
    if unit in EXACT:
        factor, smaller = EXACT[unit]
        return amount * factor, smaller
    return amount, unit


def parse_conversion(text: str) -> tuple[Decimal, str]:
    """Read "30 calendar_day"; raises ValueError for anything else or a factor of zero."""
    match = _CONVERSION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a number and a unit")
    try:
        factor = Decimal(match[1])
    except InvalidOperation as error:
        raise ValueError(text) from error
    if factor <= 0:
        raise ValueError(f"{text!r} converts to nothing")
    return factor, match[2]


def convert(amount: Decimal, unit: str | None, to: str | None, declared: Mapping[str, str]) -> Decimal | None:
    """The amount in another unit (or currency, or tax basis), or None when nothing declared leads there.

    `declared` maps a unit to its worth in another, as in {"month": "30 calendar_day"}; it is also used backwards."""
    if unit == to:
        return amount
    if unit is None or to is None:
        return None
    steps = {name: parse_conversion(text) for name, text in declared.items()} | {
        name: step for name, step in EXACT.items() if name not in declared
    }
    frontier, seen = [(amount, unit)], {unit}
    for _ in range(_DEPTH):
        nearer: list[tuple[Decimal, str]] = []
        for value, name in frontier:
            forward = [(value * factor, other) for start, (factor, other) in steps.items() if start == name]
            backward = [(value / factor, start) for start, (factor, other) in steps.items() if other == name]
            nearer += [(v, n) for v, n in forward + backward if n not in seen]
        for value, name in nearer:
            if name == to:
                return value
        seen |= {name for _, name in nearer}
        frontier = nearer
    return None
