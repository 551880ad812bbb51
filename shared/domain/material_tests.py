"""Whether a certificate, guarantee or other material is named and valid on a date (E17, `valid_on`, E43)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared.domain.chunks import Chunk
from shared.domain.evidence import Passage
from shared.domain.fact_extractors import TableRow, table_rows
from shared.domain.negation import AFFIRMED, HYPOTHETICAL, stance_of
from shared.domain.operators import compare
from shared.domain.statement_spans import Span, statements
from shared.domain.text_matching import Matchable
from shared.domain.text_tests import CONFLICT, INSUFFICIENT, Finding, Support, evaluate_text
from shared.domain.truth import Truth
from shared.domain.value_types import Value
from shared.domain.values import read_values

MATERIAL_OPERATORS = ("exists", "not_exists", "valid_on")
_EXPIRY = re.compile(
    r"有效期(?:截止|限)?(?:至|到|止)?|有效至|截止(?:日期)?|到期|失效日期|valid\s+(?:until|till|through|thru|to|up\s+to)|validity|"
    r"expir(?:y|es|ation|ing)|in\s+force\s+until|(?:good|effective)\s+until",
    re.IGNORECASE,
)
_NOT_EXPIRY = re.compile(r"发证|颁发|签发|颁证|首次|自|起|issued?|since|from|first|dated|audit", re.IGNORECASE)
_TO = re.compile(r"\s*(?:至|到|-|~|—|to|until|through)\s*", re.IGNORECASE)
_MARKS = re.compile(r"签字|签名|签章|盖章|公章|印章|signature|\bsigned\b|\bseal\b|\bstamp", re.IGNORECASE)
_OTHER_MATERIAL = re.compile(r"\b(?:ISO|IEC|OHSAS)\b|证书|certificate|保函|guarantee", re.IGNORECASE)
_FOLLOWING = 5


def evaluate_material(test: Mapping[str, Any], passages: Sequence[Passage]) -> Finding:
    """{"material": name or list of names, "op": "valid_on", "value": ISO date}, or exists / not_exists.

    Valid when a statement or table row that names the material, or the lines right below it, gives an expiry on or
    after the date; the expiry must be labelled as one, by words beside it or the head of its column. An expiry before
    the date proves the contrary, two different answers are a conflict. A signature or seal is never concluded from
    text (E43): unknown, with the place to look at."""
    names = [test["material"]] if isinstance(test["material"], str) else list(test["material"])
    if test["op"] != "valid_on":
        found = evaluate_text({"text": {"any": names}, "op": test["op"]}, passages)
        if any(_MARKS.search(name) for name in names) and not found.missing:
            return Finding(None, found.supports, cause=INSUFFICIENT)
        return found
    results = [r for passage in passages for r in _valid_in(names, passage.chunk, str(test["value"]))]
    return _joined(results)


def _joined(results: Sequence[tuple[Truth, Support]]) -> Finding:
    yes = tuple(support for truth, support in results if truth is True)
    no = tuple(support for truth, support in results if truth is False)
    if yes and no:
        return Finding(None, yes + no, cause=CONFLICT)
    if yes or no:
        return Finding(bool(yes), yes or no)
    unknown = tuple(support for _, support in results)
    return Finding(None, unknown, cause=INSUFFICIENT) if unknown else Finding(False, missing=True)


def _valid_in(names: Sequence[str], chunk: Chunk, on: str) -> Iterator[tuple[Truth, Support]]:
    form = Matchable(chunk.text)
    mentions = [span for name in names for span in form.find(name)]
    if not mentions:
        return
    rows = table_rows(chunk.text)
    spans = statements(chunk.text)
    for i, statement in enumerate(spans):
        named = [m for m in mentions if statement.start <= m.start < statement.end]
        if not named:
            continue
        stance = stance_of(chunk.text, statement, named[0])
        if stance == HYPOTHETICAL:
            continue
        expiry = _expiry_of(chunk, spans, i, rows)
        end = max(statement.end, expiry.end) if expiry else statement.end
        if expiry is not None and not expiry.ambiguous:
            truth = compare("valid_on", {"date": expiry.date}, on, {})
            yield truth, Support(chunk, statement.start, end, affirms=truth is not False, note=str(expiry.date))
        elif stance != AFFIRMED:
            yield False, Support(chunk, *statement, affirms=False)
        elif expiry is not None:
            yield None, Support(chunk, statement.start, end)
        else:
            yield None, Support(chunk, *statement)


def _expiry_of(chunk: Chunk, spans: Sequence[Span], at: int, rows: Sequence[TableRow]) -> Value | None:
    """The labelled end of validity in the statement, else in the lines below it up to another material."""
    statement = spans[at]
    row = next((r for r in rows if r.cells[0].start <= statement.start < r.cells[-1].end), None)
    found = _in_row(chunk, rows, row) if row else _in_text(chunk.text, statement)
    if found or row:
        return found
    for below in spans[at + 1 : at + 1 + _FOLLOWING]:
        body = chunk.text[below.start : below.end]
        if _OTHER_MATERIAL.search(body) or "|" in body:
            return None
        found = _in_text(chunk.text, below)
        if found:
            return found
    return None


def _dates(text: str, span: Span) -> list[Value]:
    values = read_values(text[span.start : span.end])
    return [replace(v, start=v.start + span.start, end=v.end + span.start) for v in values if v.kind == "date"]


def _in_text(text: str, statement: Span) -> Value | None:
    """The date behind an expiry word, or the second end of a period behind a validity word."""
    dates = _dates(text, statement)
    for i, value in enumerate(dates):
        before = text[statement.start : value.start]
        labels = list(_EXPIRY.finditer(before))
        if not labels or _NOT_EXPIRY.search(before[labels[-1].end() :]):
            continue
        following = dates[i + 1] if i + 1 < len(dates) else None
        if following and _TO.fullmatch(text[value.end : following.start]):
            return following
        return value
    return None


def _in_row(chunk: Chunk, rows: Sequence[TableRow], row: TableRow) -> Value | None:
    """The date in the column whose head speaks of expiry, or beside an expiry word in its own cell."""
    heads = rows[0].cells if len(rows[0].cells) == len(row.cells) and rows[0] != row else []
    for i, cell in enumerate(row.cells):
        dates = _dates(chunk.text, cell)
        if not dates:
            continue
        head = chunk.text[heads[i].start : heads[i].end] if heads else ""
        if _EXPIRY.search(head) or _EXPIRY.search(chunk.text, cell.start, cell.end):
            return dates[-1]
    return None
