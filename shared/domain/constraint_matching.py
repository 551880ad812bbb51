"""Say whether a passage satisfies, violates or leaves open each constraint, by rules on the text (R13, R16, R80)."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from shared.domain.query_constraints import Constraint, query_constraints
from shared.domain.terms import codes, fold, terms
from shared.domain.value_types import Value
from shared.domain.values import read_values

SATISFIED, VIOLATED, UNKNOWN = "satisfied", "violated", "unknown"
# Only exact conversions: a month has no fixed number of days, a working day is no calendar day.
_UNITS = {
    "calendar_day": ("day", 1), "week": ("day", 7), "month": ("month", 1), "year": ("month", 12),
    "hour": ("minute", 60), "minute": ("minute", 1),
}  # fmt: skip


def match_constraints(constraints: Sequence[Constraint], text: str) -> list[str]:
    """One of satisfied, violated, unknown per constraint; "found" alone is never "satisfied"."""
    values = read_values(text)
    present = set(codes(text))
    plain, words = " ".join(fold(text).split()), terms(text)
    return [_match(constraint, values, present, plain, words) for constraint in constraints]


def verify_rewrite(original: str, rewritten: str) -> list[str]:
    """What a rewrite lost or added, empty when every constraint is kept as it was (R13)."""
    before = Counter(c.meaning for c in query_constraints(original))
    after = Counter(c.meaning for c in query_constraints(rewritten))
    lost = [f"lost: {' '.join(filter(None, meaning))}" for meaning in (before - after).elements()]
    added = [f"added: {' '.join(filter(None, meaning))}" for meaning in (after - before).elements()]
    return sorted(lost) + sorted(added)


def _match(constraint: Constraint, values: Sequence[Value], present: set[str], plain: str, words: list[str]) -> str:
    if constraint.kind in ("numeric", "time") and constraint.operator != "last":
        return _match_number(constraint, values)
    term = constraint.term or ""
    if constraint.kind == "entity":
        return SATISFIED if term in present or term in plain else UNKNOWN
    if constraint.kind == "must_include":
        return SATISFIED if _says(term, plain, words) else UNKNOWN
    if constraint.kind == "must_exclude":
        return VIOLATED if _says(term, plain, words) else SATISFIED
    return UNKNOWN


def _says(term: str, plain: str, words: list[str]) -> bool:
    """The phrase as written, or its stems side by side."""
    wanted = terms(term)
    together = any(words[i : i + len(wanted)] == wanted for i in range(len(words) - len(wanted) + 1))
    return bool(term) and (term in plain or (bool(wanted) and together))


def _match_number(constraint: Constraint, values: Sequence[Value]) -> str:
    """Every comparable value must agree; a passage that holds both kinds is left to the reader."""
    if constraint.term is not None:
        dates = [value.date for value in values if value.date]
        return UNKNOWN if not dates else SATISFIED if constraint.term in dates else UNKNOWN
    answers = {answer for value in values if (answer := _compare(constraint, value)) is not None}
    return answers.pop() if len(answers) == 1 else UNKNOWN


def _compare(constraint: Constraint, value: Value) -> str | None:
    """None for a value of another kind, currency or unit."""
    if value.ambiguous or value.kind == "code" or value.date:
        return None
    unit = value.unit or value.currency or ("share" if value.kind == "share" else None)
    family, factor = _UNITS.get(constraint.unit or "", (constraint.unit, 1))
    other, other_factor = _UNITS.get(unit or "", (unit, 1))
    if family != other:
        return None
    low = None if value.low is None else value.low * other_factor
    high = None if value.high is None else value.high * other_factor
    least = None if constraint.low is None else constraint.low * factor
    most = None if constraint.high is None else constraint.high * factor
    return SATISFIED if _inside(low, high, least, most) else VIOLATED


def _inside(low: Decimal | None, high: Decimal | None, least: Decimal | None, most: Decimal | None) -> bool:
    """Whether the whole interval low..high lies in least..most; None is open."""
    above = least is None or (low is not None and low >= least)
    below = most is None or (high is not None and high <= most)
    return above and below
