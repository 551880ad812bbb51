"""From a stretch of text behind a label to the value of a field, with its span (E39, E42)."""

import re
from dataclasses import dataclass, replace
from typing import Any

from shared.domain.canonical_json import plain_decimal
from shared.domain.chunks import Chunk
from shared.domain.fact_fields import CODE, GRADE, REQUIREMENT, FieldRule
from shared.domain.statement_spans import Span, clause_at
from shared.domain.value_pairs import is_pair, with_currency
from shared.domain.value_types import Conventions, Value, folded
from shared.domain.values import read_values

_LONG_UNITS = ("hour", "minute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A value of one field as one extractor read it in chunk.text[start:end]; it becomes a Fact when it is placed."""

    field: str
    value: dict[str, Any]
    chunk: Chunk
    start: int
    end: int
    extractor: str
    unit: str | None = None
    currency: str | None = None
    labelled: bool = True


def readings_in(
    rule: FieldRule, chunk: Chunk, span: Span, extractor: str, *, conventions: Conventions, hint: str = ""
) -> list[Reading]:
    """The first value of the field's kind in the span, and its twin in words or figures; `hint` is a unit from the
    label or column head ("万元", "calendar days") for a bare number. Requirements of the buyer are skipped."""
    if rule.kind in ("grade", "code", "text"):
        found = _textual(rule, chunk.text, span)
        return [] if found is None else [_reading(rule, chunk, found[0], extractor, {"text": found[1]})]
    own = [v for v in _values(chunk.text, span, conventions) if not _is_required(chunk.text, span, v)]
    wanted = [i for i, v in enumerate(own) if v.kind == rule.kind and v.unit not in _LONG_UNITS]
    if not wanted:
        return _hinted(rule, chunk, span, extractor, hint, conventions)
    first = own[wanted[0]]
    readings = [_from_value(rule, chunk, first, extractor)]
    follower = own[wanted[0] + 1] if wanted[0] + 1 < len(own) else None
    if rule.kind == "money" and follower and is_pair(chunk.text, first, follower):
        readings.append(_from_value(rule, chunk, with_currency(follower, first.currency, first.tax), extractor))
    return readings


def _values(text: str, span: Span, conventions: Conventions) -> list[Value]:
    """The values inside the span, with spans of the whole text."""
    found = read_values(text[span.start : span.end], conventions)
    return [_moved(value, span.start) for value in found]


def _moved(value: Value, by: int) -> Value:
    return replace(value, start=value.start + by, end=value.end + by)


def _is_required(text: str, span: Span, value: Value) -> bool:
    clause = clause_at(text, span, value.start)
    return REQUIREMENT.search(text, clause.start, value.start) is not None


def _hinted(
    rule: FieldRule, chunk: Chunk, span: Span, extractor: str, hint: str, conventions: Conventions
) -> list[Reading]:
    """A bare number takes the unit of its label or column; anything else in the cell leaves it alone."""
    body = folded(chunk.text[span.start : span.end]).strip()
    if not hint or not re.fullmatch(r"[\d.,]+", body):
        return []
    joined = f"{hint} {body}" if re.fullmatch(r"[A-Z]{3}|[¥￥€£$]", hint) else f"{body} {hint}"
    values = [v for v in read_values(joined, conventions) if v.kind == rule.kind]
    if not values:
        return []
    start = chunk.text.index(chunk.text[span.start : span.end].strip(), span.start)
    end = start + len(chunk.text[span.start : span.end].strip())
    value = values[0]
    return [_reading(rule, chunk, Span(start, end), extractor, _json(value), unit=value.unit, currency=value.currency)]


def _textual(rule: FieldRule, text: str, span: Span) -> tuple[Span, str] | None:
    if rule.kind == "text":
        body = text[span.start : span.end].split("\n")[0].strip(" :：_|")
        start = text.find(body, span.start)
        return (Span(start, start + len(body)), body) if 2 <= len(body) <= 120 else None
    match = (GRADE if rule.kind == "grade" else CODE).search(text, span.start, span.end)
    if match is None:
        return None
    return Span(*match.span()), grade_name(match) if rule.kind == "grade" else re.sub(r"\s+", " ", match.group())


def grade_name(match: re.Match[str]) -> str:
    """One name per grade: formal numerals become common ones, "class a" becomes "Class A"."""
    if match["cn"]:
        return match["cn"].translate(str.maketrans("壹贰叁肆", "一二三四"))
    return f"{match['word'].title()} {match['mark'].upper()}"


def _from_value(rule: FieldRule, chunk: Chunk, value: Value, extractor: str) -> Reading:
    span = Span(value.start, value.end)
    return _reading(rule, chunk, span, extractor, _json(value), unit=value.unit, currency=value.currency)


def _reading(rule: FieldRule, chunk: Chunk, span: Span, extractor: str, value: dict[str, Any], **units: Any) -> Reading:
    start, end = span
    return Reading(field=rule.field, value=value, chunk=chunk, start=start, end=end, extractor=extractor, **units)


def _json(value: Value) -> dict[str, Any]:
    if value.ambiguous:
        return {"text": value.raw, "ambiguous": True}
    out: dict[str, Any] = {}
    if value.amount is not None:
        out["amount"] = plain_decimal(value.amount)
    elif value.low is not None and value.high is not None:
        out |= {"low": plain_decimal(value.low), "high": plain_decimal(value.high)}
    elif value.high is not None:
        out |= {"amount": plain_decimal(value.high), "bound": "le"}
    elif value.low is not None:
        out |= {"amount": plain_decimal(value.low), "bound": "ge"}
    if value.tax:
        out["tax"] = value.tax
    if value.words and value.kind == "money":
        out["form"] = "words"
    return out
