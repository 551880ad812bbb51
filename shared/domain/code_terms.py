"""Codes, dates and money of a text as single canonical tokens, so that their spellings meet (spec R7, R54)."""

import re
from collections.abc import Iterator

from shared.domain.canonical_json import plain_decimal
from shared.domain.value_types import Value
from shared.domain.values import read_values

# Bodies whose standards bids and tenders name. The list only joins "ISO 9001" to "iso9001"; codes of other bodies
# still survive as written.
_BODIES = (
    r"(?:gb|gbj|gjb|gbz|jgj|jtg|jt|jb|dl|yd|hj|sj|sl|cjj|cj|da|ga|qb|yy|nb|sh|hg|aq|wh|db\d{2})(?:/[tz])?|"
    "tsg|cecs|iso/iec ts|iso/iec|iso/ts|iso|iec|ieee|ansi|astm|asme|bs en iso|bs en|bs|din en iso|din en|din|en iso|"
    "en|ul|ohsas|iatf|sa|itu-t|nfpa|as/nzs|jis|etsi"
)
_STANDARD = re.compile(
    rf"(?<![a-z0-9])(?P<body>{_BODIES})[ \-]?(?P<number>[a-z]?\d{{2,6}}(?:\.\d+)*(?:-\d{{1,3}}(?!\d))?)"
    r"(?:\s?[-:]\s?(?P<year>(?:19|20)\d{2}))?(?![a-z0-9])"
)
_MIXED = re.compile(r"[a-z0-9]+(?:[-/._][a-z0-9]+)*")
_LONG_NUMBER = re.compile(r"(?<![a-z\d.,])\d{6,}(?![a-z]|[.,]?\d)")
_MAY_HOLD_AMOUNTS = re.compile(
    "[0-9０-９壹贰叁肆伍陆柒捌玖拾佰仟万亿萬億]|hundred|thousand|million|billion", re.IGNORECASE
)
# Smaller bare numbers are quantities and clause numbers, and four digits of this century are years.
_LEAST_NUMBER = 1000
_YEARS = range(1900, 2101)


def code_forms(text: str, folded: str) -> Iterator[str]:
    """Tokens such as gb/t19001-2016 with gb/t19001, qy-2024-00123, 2026-12-01, cny3000000 with 3000000.

    `folded` is the text in half width and lower case."""
    for match in _STANDARD.finditer(folded):
        base = match["body"].replace(" ", "") + match["number"]
        yield base
        if match["year"]:
            yield f"{base}-{match['year']}"
    for match in _MIXED.finditer(folded):
        token = match.group()
        if len(token) >= 4 and any(c.isdigit() for c in token) and any(c.isalpha() for c in token):
            yield token
    for match in _LONG_NUMBER.finditer(folded):
        yield match.group()
    if _MAY_HOLD_AMOUNTS.search(text):
        for value in read_values(text):
            yield from _value_forms(value)


def _value_forms(value: Value) -> Iterator[str]:
    """A bound or a range gives its ends, so that "at least 300万" meets RMB 3,000,000."""
    if value.date:
        yield value.date
    if value.kind not in ("money", "number"):
        return
    for end in sorted({end for end in (value.low, value.high) if end is not None}):
        if value.currency:
            yield f"{value.currency.lower()}{plain_decimal(end)}"
        if value.currency or (abs(end) >= _LEAST_NUMBER and end not in _YEARS):
            yield plain_decimal(end)
