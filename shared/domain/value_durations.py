"""Durations; working days, calendar days and months are different units and stay so (P63, E38)."""

import re
from collections.abc import Iterator
from decimal import Decimal

from shared.domain.value_numbers import ARABIC, CHINESE, ENGLISH, Unreadable, read_number
from shared.domain.value_types import Value

_UNITS_CN = {"calendar_day": "日历日|日历天|自然日|自然天|天|日", "working_day": "工作日|工作天", "week": "周|星期"}
_UNITS_CN |= {"month": "月", "year": "周年|年", "hour": "小时", "minute": "分钟"}
_UNITS_EN = {"calendar_day": r"(?:calendar[\s-]+)?days?", "working_day": r"(?:working|business)[\s-]+days?"}
_UNITS_EN |= {"week": "weeks?", "month": r"(?:calendar[\s-]+)?months?", "year": "years?", "hour": "hours?|hrs?"}
_UNITS_EN |= {"minute": "minutes?|mins?"}
_CN = re.compile(
    rf"(?<![第A-Za-z0-9.,{{}}])(?P<number>{ARABIC}|{CHINESE}|半)\s?(?:\(\s?(?P<again>{ARABIC}|{CHINESE})\s?\)\s?)?"
    r"(?P<ge>个)?(?P<mid>半)?\s?(?P<unit>日历日|日历天|自然日|自然天|工作日|工作天|星期|周年|小时|分钟|天|日|周|月|年)"
    r"(?P<half>半)?(?![报刊志份终级检度化])"
)
_EN = re.compile(
    rf"(?<![A-Za-z0-9.,])(?P<number>{ARABIC}|{ENGLISH}|half\s+a)(?:\s*\(\s?(?P<again>{ARABIC}|{ENGLISH})\s?\))?"
    r"[\s-]*(?P<unit>" + "|".join(f"(?P<{name}>{form})" for name, form in _UNITS_EN.items()) + r")(?![A-Za-z])",
    re.IGNORECASE,
)
_NO_NUMBER = re.compile("[十百千万亿拾佰仟]{1,2}")


def find_durations(text: str) -> Iterator[Value]:
    """Every duration; compounds (2年6个月) and words that contradict figures ("three (4) months") are ambiguous."""
    found = sorted([*_chinese(text), *_english(text)], key=lambda value: value.start)
    skip = -1
    for i, value in enumerate(found):
        if value.start < skip:
            continue
        follower = found[i + 1] if i + 1 < len(found) else None
        if follower and _is_compound(text, value, follower):
            skip = follower.end
            raw = text[value.start : follower.end]
            yield Value(kind="duration", start=value.start, end=follower.end, raw=raw, ambiguous=True)
        else:
            yield value


def _is_compound(text: str, first: Value, second: Value) -> bool:
    between = text[first.end : second.start].strip().lower()
    return first.unit != second.unit and between in ("", "零", "and", "又") and second.start >= first.end


def _chinese(text: str) -> Iterator[Value]:
    for match in _CN.finditer(text):
        if not _is_clock_or_calendar(text, match) and not _NO_NUMBER.fullmatch(match["number"]):
            yield _value(match, _unit_cn(match["unit"]), 0.5 if match["mid"] or match["half"] else 0)


def _is_clock_or_calendar(text: str, match: re.Match[str]) -> bool:
    """3月 and 每月5日 name a place in the calendar; only 3个月 lasts."""
    if match["unit"] == "月":
        return not match["ge"]
    if match["unit"] == "日" and text[max(0, match.start() - 1) : match.start()] in ("月", "号"):
        return True
    return match["unit"] == "年" and re.fullmatch(r"(?:19|20)\d\d", match["number"]) is not None


def _unit_cn(sign: str) -> str:
    return next(name for name, forms in _UNITS_CN.items() if sign in forms.split("|"))


def _english(text: str) -> Iterator[Value]:
    for match in _EN.finditer(text):
        yield _value(match, next(name for name in _UNITS_EN if match[name]), 0)


def _value(match: re.Match[str], unit: str, half: float) -> Value:
    amount: Decimal | None
    try:
        amount = _amount(match["number"]) + Decimal(str(half))
        if match["again"] and _amount(match["again"]) != amount:
            amount = None
    except Unreadable:
        amount = None
    return Value(
        kind="duration",
        start=match.start(),
        end=match.end(),
        raw=match.group(),
        low=amount,
        high=amount,
        unit=unit,
        ambiguous=amount is None,
    )


def _amount(text: str) -> Decimal:
    return Decimal("0.5") if text == "半" or text.lower().startswith("half") else read_number(text)
