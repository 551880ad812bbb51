"""Ranges and bounds around values: 3至5年, "not exceeding 30 days", 以上 includes its bound (P63, R11)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from shared.domain.value_numbers import ARABIC, CHINESE, ENGLISH, Unreadable, read_number
from shared.domain.value_types import Value, unreadable

_KINDS = ("number", "share", "money", "duration")
_JOIN = re.compile(r"\s*(?:-|~|—{1,2}|至|到|to)\s*", re.IGNORECASE)
_BEFORE = re.compile(
    rf"(?<![A-Za-z0-9.,-])(?P<number>{ARABIC}|{CHINESE}|{ENGLISH})(?:\s*(?:-|~|—|至|到)\s*|\s+to\s+)$", re.IGNORECASE
)
_BETWEEN = re.compile(rf"\bbetween\s+(?P<number>{ARABIC}|{ENGLISH})\s+and\s+$", re.IGNORECASE)
_LE = r"不超过|不得超过|不应超过|不高于|不多于|不大于|不迟于|不晚于|最多|至多|最长|最高|小于等于|<=|≤|up\s+to|"
_LE += r"at\s+most|(?:no|not)\s+more\s+than|not\s+exceeding|(?:shall\s+|must\s+|will\s+)?not\s+(?:to\s+)?exceed|"
_LE += r"(?:a\s+)?maximum(?:\s+of)?|(?:no|not)\s+later\s+than"
_GE = r"不少于|不得少于|不低于|不得低于|不应低于|不小于|不短于|至少|最少|最低|大于等于|>=|≥|at\s+least|"
_GE += r"(?:no|not)\s+(?:less|fewer|shorter)\s+than|(?:a\s+)?minimum(?:\s+of)?"
_LT = r"小于|低于|少于|不足|不到|<|(?:less|fewer)\s+than"
_GT = r"超过|高于|大于|多于|>|more\s+than|greater\s+than|exceeding"
_PREFIX = re.compile(
    rf"(?:(?P<le>{_LE})|(?P<ge>{_GE})|(?P<lt>{_LT})|(?P<gt>{_GT}))\s*(?:or\s+equal\s+to\s*)?(?:为)?$", re.IGNORECASE
)
_SUFFIX = re.compile(
    r"\s*(?:(?P<ge>及以上|或以上|以上|(?:or|and)\s+(?:more|longer|above|over)\b)|"
    r"(?P<le>及以下|或以下|以下|以内|之内|内(?![容部含存外])|(?:or|and)\s+(?:less|shorter|below|under)\b|"
    r"at\s+the\s+latest\b))",
    re.IGNORECASE,
)
_WITHIN = re.compile(r"\bwithin\s+(?:a\s+period\s+of\s+)?$", re.IGNORECASE)


def with_ranges(text: str, values: Sequence[Value]) -> list[Value]:
    """Join two ends of one range; a first end without unit takes the unit of the second."""
    out: list[Value] = []
    for value in values:
        if value.kind not in _KINDS:
            out.append(value)
            continue
        if out and _joins(text, out[-1], value):
            out.append(_joined(text, out.pop(), value))
            continue
        match = _first_end(text, value) if value.kind != "number" else None
        if match and (not out or out[-1].end <= match.start("number") or out[-1].kind == "number"):
            if out and out[-1].end > match.start("number"):
                out.pop()
            out.append(_extended(text, match, value))
        else:
            out.append(value)
    return out


def _first_end(text: str, value: Value) -> re.Match[str] | None:
    """The bare first end of a range right before the value, at most 160 characters away."""
    reach = max(0, value.start - 160)
    for pattern in (_BEFORE, _BETWEEN):
        for match in pattern.finditer(text, reach, value.start):
            return match
    return None


def _joins(text: str, first: Value, second: Value) -> bool:
    between = text[first.end : second.start]
    after_between = (
        text[max(0, first.start - 12) : first.start].rstrip().lower().endswith("between")
        and between.strip().lower() == "and"
    )
    alike = first.kind == second.kind and first.unit == second.unit and first.currency == second.currency
    units = first.kind != "number" or after_between
    return alike and first.amount is not None and units and (_JOIN.fullmatch(between) is not None or after_between)


def _joined(text: str, first: Value, second: Value) -> Value:
    joined = replace(second, start=first.start, raw=text[first.start : second.end], low=first.low)
    return joined if _in_order(joined) else unreadable(joined)


def _extended(text: str, match: re.Match[str], value: Value) -> Value:
    start = match.start("number") if not match.group().lower().startswith("between") else match.start()
    wide = replace(value, start=start, raw=text[start : value.end])
    try:
        low = read_number(match["number"])
    except Unreadable:
        return unreadable(wide)
    if value.kind == "share" and value.amount is not None:
        low = low / 1000 if "‰" in value.raw else low / 100
    if value.kind == "money" and not re.fullmatch(r"[^万亿百千mk]*", value.raw.lower()):
        return unreadable(wide)
    ranged = replace(wide, low=low)
    return ranged if _in_order(ranged) else unreadable(ranged)


def _in_order(value: Value) -> bool:
    return value.low is not None and value.high is not None and value.low <= value.high


def with_bounds(text: str, values: Sequence[Value]) -> list[Value]:
    """Turn points with bound words beside them into half-lines that include or exclude their end."""
    return [_bounded(text, value) for value in values]


def _bounded(text: str, value: Value) -> Value:
    if value.kind not in _KINDS or value.amount is None:
        return value
    before = _PREFIX.search(text[max(0, value.start - 32) : value.start])
    if before:
        start = value.start - len(before.group())
        return _half_line(replace(value, start=start, raw=text[start : value.end]), str(before.lastgroup))
    within = _WITHIN.search(text[max(0, value.start - 32) : value.start])
    if within and value.kind == "duration":
        start = value.start - len(within.group())
        return _half_line(replace(value, start=start, raw=text[start : value.end]), "le")
    after = _SUFFIX.match(text, value.end)
    if after and not (value.kind == "number" and after.group().strip() in ("内",)):
        return _half_line(replace(value, end=after.end(), raw=text[value.start : after.end()]), str(after.lastgroup))
    return value


def _half_line(value: Value, bound: str) -> Value:
    if bound in ("le", "lt"):
        return replace(value, low=None, high_open=bound == "lt")
    return replace(value, high=None, low_open=bound == "gt")
