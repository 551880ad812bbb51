"""Read every value of a text with its span: numbers, shares, money, dates, durations, bounds, ranges, codes (P63)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from shared.domain.value_bounds import with_bounds, with_ranges
from shared.domain.value_codes import find_codes
from shared.domain.value_dates import find_dates
from shared.domain.value_durations import find_durations
from shared.domain.value_money import find_money, find_shares
from shared.domain.value_numbers import (
    ARABIC,
    CHINESE,
    ENDLESS,
    ENGLISH,
    SCALE,
    Unreadable,
    is_section_number,
    read_number,
)
from shared.domain.value_types import Conventions, Value, folded

_NUMBER = re.compile(
    rf"(?<![A-Za-z0-9_./:])(?P<minus>(?<![A-Za-z0-9)%\u4e00-\u9fff-])-)?"
    rf"(?P<arabic>{ARABIC}(?:{SCALE})?)(?![A-Za-z0-9_/:])|"
    rf"(?P<chinese>{CHINESE})|(?P<english>{ENGLISH})",
    re.IGNORECASE,
)
_CHINESE_AMOUNT = re.compile("(?=.*[零一二三四五六七八九两壹贰叁肆伍陆柒捌玖])(?=.*[十百千万亿拾佰仟萬億]).{2,}")
_CALENDAR = re.compile(r"\s?[年月日号](?![历均])")
_IDIOMS = frozenset({"万一", "千万", "百万", "一一", "十一"})


def read_values(text: str, conventions: Conventions | None = None) -> list[Value]:
    """The values of the text in order, without overlaps. Spans and `raw` refer to the text as given.

    Runs of more than 32 digits or numerals are no values; leaving them out keeps the time linear in the text."""
    given = conventions or Conventions()
    narrow = ENDLESS.sub(lambda run: "\0" * len(run.group()), folded(text))
    kinds = (find_codes(narrow), find_dates(narrow, given), find_money(narrow, given), find_shares(narrow))
    found = _without_overlaps([*kinds, find_durations(narrow), _numbers(narrow, given)])
    bounded = with_bounds(narrow, with_ranges(narrow, found))
    return [replace(value, raw=text[value.start : value.end]) for value in bounded]


def _without_overlaps(kinds: Iterable[Iterable[Value]]) -> list[Value]:
    """Earlier kinds win, so 2026 of a date is no number and 300万 of money no number either."""
    taken: list[Value] = []
    covered: set[int] = set()
    for kind in kinds:
        free = [value for value in kind if covered.isdisjoint(range(value.start, value.end))]
        covered.update(place for value in free for place in range(value.start, value.end))
        taken += free
    return sorted(taken, key=lambda value: value.start)


def _numbers(text: str, conventions: Conventions) -> Iterator[Value]:
    for match in _NUMBER.finditer(text):
        raw = match["arabic"] or match.group()
        if (
            not _is_number(match)
            or _CALENDAR.match(text, match.end())
            or text[match.start() - 1 : match.start()] == "第"
        ):
            continue
        try:
            amount = read_number(raw)
        except Unreadable:
            yield Value(kind="number", start=match.start(), end=match.end(), raw=raw, ambiguous=True)
            continue
        start, end = match.span()
        if text[start - 1 : start] == "-" and "\u4e00" <= text[start - 2 : start - 1] <= "\u9fff":
            yield Value(kind="number", start=start - 1, end=end, raw=text[start - 1 : end], ambiguous=True)
            continue
        bracketed = text[start - 1 : start] == "(" and text[end : end + 1] == ")"
        if match["minus"]:
            amount = -amount
        elif conventions.numeric_cell and bracketed:
            amount, start, end = -amount, start - 1, end + 1
        words = match["arabic"] is None
        yield Value(kind="number", start=start, end=end, raw=text[start:end], low=amount, high=amount, words=words)


def _is_number(match: re.Match[str]) -> bool:
    """Words like 一 and "one" are language, not amounts; clause numbers are places."""
    if match["arabic"]:
        return not is_section_number(match["arabic"])
    if match["chinese"]:
        text = match["chinese"]
        return text not in _IDIOMS and (
            _CHINESE_AMOUNT.fullmatch(text) is not None or (text.startswith("十") and len(text) > 1)
        )
    return len(re.split(r"[\s-]+", match["english"])) > 1
