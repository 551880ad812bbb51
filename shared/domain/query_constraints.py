"""Read the constraints of a query with their places, in Chinese and English (spec 04 section 3, R11)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from shared.domain.canonical_json import plain_decimal
from shared.domain.code_terms import code_forms
from shared.domain.value_types import Value, folded
from shared.domain.values import read_values

CONSTRAINTS_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """`kind` is entity, numeric, time, must_include, must_exclude, scope or negation; text[start:end] says it.

    `operator` is ge, le, eq, between or last (a look-back window); `low` and `high` are its numbers; `unit` is a unit
    of duration, a currency or "share". `term` is the name, code or phrase in canonical form."""

    kind: str
    start: int
    end: int
    operator: str | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    unit: str | None = None
    term: str | None = None

    @property
    def meaning(self) -> tuple[str, ...]:
        """What must survive a rewrite (R13): everything but the place."""
        numbers = [plain_decimal(n) if n is not None else "" for n in (self.low, self.high)]
        return self.kind, self.operator or "", *numbers, self.unit or "", self.term or ""


_LOOK_BACK = re.compile(r"(?:近|最近|过去)\s*$|\b(?:last|past|previous|preceding)\s+$", re.IGNORECASE)
_DEADLINE = re.compile(r"\bwithin\b|(?:之?内|以内)|自.{0,30}起", re.IGNORECASE)
_AFTER_DEADLINE = re.compile(r"^\s*(?:之?内|以内)|^\s*(?:from|after|of)\b", re.IGNORECASE)
_NAME = re.compile(
    r"[\u4e00-\u9fff（）()]{2,30}?(?:股份有限公司|有限责任公司|有限公司|股份公司|集团公司|集团)"
    r"|\b(?:[A-Z][\w&'’.-]*,?\s+){1,6}(?:Ltd|Limited|Inc|Incorporated|GmbH|LLC|PLC|AG|Corp|Corporation|S\.A)\b\.?"
)
# Case matters for CE and Class A, not for the word before the grade.
_GRADE = re.compile(
    r"[特一二三四五壹贰叁]级|[甲乙丙丁]级|\b(?i:class|grade|level|category)\s+(?:[A-E]|[1-5]|I{1,3}|IV)\b|"
    r"(?<![A-Za-z])(?:CE|CCC|3C|UL|CMMI\s?[1-5])(?![A-Za-z0-9])"
)
_PHRASE = r"\s*[:：]?\s*(?P<term>[^,，;；。.!?！？\n]{1,60})"
_EXCLUDE = r"不得包含|不得含有|不包含|不含|排除|must not (?:include|contain)|excluding|exclude"
_INCLUDE = "必须包含|必须具备|须具备|应具备|须包含|应包含|must include|must contain|must have|shall have|shall include"
_DENY = (
    "禁止|不得(?!包含|含有|低于|少于|超过|高于|晚于|迟于|大于|小于)|未(?!来)|"
    r"must not(?! (?:include|contain))|shall not|without|\bdoes not|\bnot hold"
)
_SIGNS = tuple(
    (kind, re.compile(f"(?:{words}){_PHRASE}", re.IGNORECASE))
    for kind, words in (("must_exclude", _EXCLUDE), ("must_include", _INCLUDE), ("negation", _DENY))
)
_SCOPES = (
    ("tender", re.compile(r"招标文件(?:中|内|里)?|\b(?:in|from|of) the (?:tender|bidding) documents?\b", re.I)),
    ("bid", re.compile(r"投标文件(?:中|内|里)?|\b(?:in|from|of) the bid(?: documents?)?\b", re.I)),
    ("attachment", re.compile(r"附件(?:中|内|里)|\b(?:in|from|of) the (?:attachments?|annex(?:es)?)\b", re.I)),
)  # fmt: skip
_LOT = re.compile(
    r"第\s?(?P<zh>[0-9一二三四五六七八九十]+)\s?(?:标段|标包|包)|\blot\s+(?P<en>\d+|[A-Z])\b", re.IGNORECASE
)


def query_constraints(text: str) -> list[Constraint]:
    """The constraints in reading order; the same text always gives the same list."""
    narrow = folded(text)
    named = [*_of_codes(text, narrow), *_of_names(narrow), *_of_scopes(narrow)]
    # The 1 of "Grade 1" and of "lot 1" is part of a name, not a quantity.
    values = [v for v in _of_values(narrow) if not any(n.start <= v.start and v.end <= n.end for n in named)]
    found = [*values, *named, *_of_signs(narrow)]
    return sorted(found, key=lambda c: (c.start, c.end, c.kind))


def _of_values(text: str) -> Iterator[Constraint]:
    for value in read_values(text):
        if value.ambiguous:
            continue
        if value.date:
            yield Constraint(kind="time", start=value.start, end=value.end, operator="eq", term=value.date)
        elif value.kind == "duration":
            yield _duration(text, value)
        elif value.kind != "code":
            unit = value.currency or ("share" if value.kind == "share" else None)
            yield _numeric("numeric", value, unit)


def _duration(text: str, value: Value) -> Constraint:
    """A look-back, a deadline ("within", 内) or a plain length of time; the unit is kept (working days stay such)."""
    back = _LOOK_BACK.search(text[: value.start])
    if back:
        return Constraint(
            kind="time", start=back.start(), end=value.end, operator="last", high=value.high, unit=value.unit
        )
    bounded = value.low is None and value.high is not None
    said = _DEADLINE.search(value.raw) or (_AFTER_DEADLINE.search(text[value.end :]) and value.low != value.high)
    return _numeric("time" if bounded and said else "numeric", value, value.unit)


def _numeric(kind: str, value: Value, unit: str | None) -> Constraint:
    operator = "between"
    if value.low == value.high:
        operator = "eq"
    elif value.low is None:
        operator = "le"
    elif value.high is None:
        operator = "ge"
    return Constraint(
        kind=kind, start=value.start, end=value.end, operator=operator, low=value.low, high=value.high, unit=unit
    )


def _of_codes(text: str, narrow: str) -> Iterator[Constraint]:
    """Standards and certificate numbers, whole."""
    for value in read_values(text):
        if value.code:
            forms = list(code_forms(value.code, value.code.lower()))
            yield Constraint(
                kind="entity", start=value.start, end=value.end, term=max(forms, key=len, default=value.code)
            )
    for match in _GRADE.finditer(narrow):
        term = " ".join(match.group().lower().split())
        yield Constraint(kind="entity", start=match.start(), end=match.end(), term=term)


def _of_names(text: str) -> Iterator[Constraint]:
    for match in _NAME.finditer(text):
        yield Constraint(
            kind="entity", start=match.start(), end=match.end(), term=" ".join(match.group().lower().split())
        )


def _of_signs(text: str) -> Iterator[Constraint]:
    taken: list[tuple[int, int]] = []
    for kind, pattern in _SIGNS:
        for match in pattern.finditer(text):
            if not any(match.start() < end and start < match.end() for start, end in taken):
                taken.append(match.span())
                term = " ".join(match["term"].lower().split())
                yield Constraint(kind=kind, start=match.start(), end=match.end(), term=term)


def _of_scopes(text: str) -> Iterator[Constraint]:
    for doc_type, pattern in _SCOPES:
        for match in pattern.finditer(text):
            yield Constraint(kind="scope", start=match.start(), end=match.end(), term=doc_type)
    for match in _LOT.finditer(text):
        lot = (match["zh"] or match["en"]).lower()
        yield Constraint(kind="scope", start=match.start(), end=match.end(), term=f"lot {lot}")
