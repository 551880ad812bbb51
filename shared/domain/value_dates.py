"""Dates with their precision; orders that could be read two ways are flagged, never guessed (P63)."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from shared.domain.value_numbers import Unreadable, read_chinese
from shared.domain.value_types import Conventions, Value

_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = r"(?P<month>" + "|".join([*_MONTHS, *(m[:3] for m in _MONTHS), "sept"]) + r")\b\.?"
_CN = "[〇○零一二三四五六七八九十]"
_DIGIT_YEAR = r"(?P<year>(?:19|20)\d\d)"
_FORMS = [
    rf"(?<![\d.,-]){_DIGIT_YEAR}(?P<sep>[-./])(?P<month>\d{{1,2}})(?P=sep)(?P<day>\d{{1,2}})(?!\d|[-./]\d)",
    rf"(?<!\d){_DIGIT_YEAR}\s?年\s?(?P<month>\d{{1,2}})\s?月(?:\s?(?P<day>\d{{1,2}})\s?[日号])?",
    rf"(?P<year>[一二][〇○零一二三四五六七八九]{{3}})年(?:(?P<month>{_CN}{{1,3}})月(?:(?P<day>{_CN}{{1,3}})[日号])?)?",
    rf"(?<!\d){_DIGIT_YEAR}\s?年(?![期限])",
    rf"(?<![\d.,-]){_DIGIT_YEAR}[-/](?P<month>0[1-9]|1[0-2])(?!\d|[-./,]\d)",
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+(?:day\s+)?of)?[\s-]+{_MONTH},?[\s-]+{_DIGIT_YEAR}\b",
    rf"\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+{_DIGIT_YEAR}\b",
    rf"\b{_MONTH},?\s+(?:of\s+)?{_DIGIT_YEAR}\b",
]
_PATTERNS = [re.compile(form, re.IGNORECASE) for form in _FORMS]
_YEARLESS = re.compile(r"(?<![\d年])\d{1,2}\s?月\s?\d{1,2}\s?[日号]")
_NUMERIC = re.compile(r"(?<![\w./-])(\d{1,2})([./-])(\d{1,2})\2((?:19|20)\d\d|\d{1,2})(?!\d|[-./]\d)")


def find_dates(text: str, conventions: Conventions) -> Iterator[Value]:
    """Every date of the folded text; impossible ones (2026-02-30) and unknown orders (02/03/2026) are ambiguous."""
    taken: list[tuple[int, int]] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if any(start < match.end() and match.start() < end for start, end in taken):
                continue
            taken.append(match.span())
            parts = match.groupdict()
            yield _value(match, _iso(parts["year"], parts.get("month"), parts.get("day")))
    for match in _YEARLESS.finditer(text):
        if not any(start < match.end() and match.start() < end for start, end in taken):
            yield _value(match, None)
    for match in _NUMERIC.finditer(text):
        if not any(start < match.end() and match.start() < end for start, end in taken) and _is_date_like(match):
            yield _value(match, _ordered(match, conventions.date_order))


def _is_date_like(match: re.Match[str]) -> bool:
    """1.2.3 numbers a clause; with dots only a four-digit year makes a date, with dashes no single digit."""
    return len(match[4]) == 4 or match[2] == "/" or (match[2] == "-" and len(match[4]) == 2)


def _ordered(match: re.Match[str], order: str | None) -> str | None:
    first, second, last = match[1], match[3], match[4]
    if len(last) == 4 and order in (None, "DMY") and 12 < int(first) <= 31:
        return _iso(last, second, first)
    if len(last) == 4 and order in (None, "MDY") and 12 < int(second) <= 31:
        return _iso(last, first, second)
    if order is None:
        return None
    places = {"DMY": (last, second, first), "MDY": (last, first, second), "YMD": (first, second, last)}
    year, month, day = places[order]
    return _iso(year if len(year) == 4 else f"20{year}", month, day)


def _iso(year: str, month: str | None, day: str | None) -> str | None:
    """ISO 8601 with the precision that is there, or None for a day that does not exist."""
    try:
        y, m, d = _number(year), _month(month) if month else None, _number(day) if day else None
        date(y, m or 1, d or 1)
    except (Unreadable, ValueError):
        return None
    return f"{y:04d}" + (f"-{m:02d}" if m else "") + (f"-{d:02d}" if d else "")


def _number(text: str) -> int:
    return int(text) if text.isascii() else int(read_chinese(text))


def _month(text: str) -> int:
    names = [name[:3] for name in _MONTHS]
    return names.index(text[:3].lower()) + 1 if text[:3].lower() in names else _number(text)


def _value(match: re.Match[str], iso: str | None) -> Value:
    return Value(kind="date", start=match.start(), end=match.end(), raw=match.group(), date=iso, ambiguous=iso is None)


def day_bounds(iso: str) -> tuple[date, date]:
    """First and last day that a date of precision day, month or year can mean."""
    parts = [int(part) for part in iso.split("-")]
    if len(parts) == 3:
        day = date(*parts)
        return day, day
    if len(parts) == 2:
        year, month = parts
        return date(year, month, 1), _last_day(year, month)
    return date(parts[0], 1, 1), date(parts[0], 12, 31)


def _last_day(year: int, month: int) -> date:
    following = date(year + month // 12, month % 12 + 1, 1) if year < 9999 else date(year, 12, 31)
    return date.fromordinal(following.toordinal() - 1) if following.day == 1 else following


def days_between(first: date, last: date) -> Decimal:
    """Whole calendar days from first to last, negative when last comes first."""
    return Decimal(last.toordinal() - first.toordinal())
