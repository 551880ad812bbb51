"""Three independent extractors; each place of a text is read by one of them, so agreement means two places (E41)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from shared.domain.chunks import Chunk
from shared.domain.fact_fields import (
    ALL_LABELS,
    FIELDS,
    GRADE,
    OFFER_HEADER,
    OTHER_PROJECT,
    PRICE_TABLE,
    REQUIREMENT,
    REQUIREMENT_HEADER,
    FieldRule,
)
from shared.domain.fact_readings import Reading, grade_name, readings_in
from shared.domain.statement_spans import Span, clause_at, statements
from shared.domain.value_types import Conventions

_FORM_LINE = re.compile(r"^(?P<label>[^\n:：|]{2,60}?)[ \t]*[:：][ \t]*(?P<value>[^\n|]+)$", re.MULTILINE)
_HINT = re.compile(
    r"[（(]\s*(?:单位\s*[:：]?\s*)?(?:in\s+)?(?P<unit>万元|亿元|元|人民币元|日历日|日历天|天|工作日|个月|月|年|calendar\s+days|working\s+days|"
    r"days|weeks|months|years|EUR|USD|GBP|CNY|RMB|CHF|[¥￥€£$])",
    re.IGNORECASE,
)
_UNLABELLED_GRADE = re.compile(r"资质|qualif|licen[cs]e|contractor", re.IGNORECASE)
_HOLDS = re.compile(r"具有|具备|持有|取得|\bholds?\b|\bholding\b|\bpossess", re.IGNORECASE)
_REACH = 90


class TableRow(NamedTuple):
    """The cells of one row with their spans."""

    cells: list[Span]


def table_rows(text: str) -> list[TableRow]:
    """Rows are lines with " | " between cells (blocks.Block says so)."""
    rows, at = [], 0
    for line in text.split("\n"):
        if " | " in line or line.startswith("| ") or line.endswith(" |"):
            cells, start = [], at
            for cell in line.split("|"):
                cells.append(Span(start, start + len(cell)))
                start += len(cell) + 1
            rows.append(TableRow(cells))
        at += len(line) + 1
    return rows


def from_sentences(chunk: Chunk, conventions: Conventions) -> Iterator[Reading]:
    """Extractor `pattern`: a label in running text and the first value of its kind behind it in that sentence."""
    text = chunk.text
    for sentence in statements(text):
        body = text[sentence.start : sentence.end]
        if "|" in body or (_FORM_LINE.fullmatch(body) and _is_label(_FORM_LINE.fullmatch(body))):
            continue
        for rule in _rules(chunk):
            found = list(_behind_labels(rule, chunk, sentence, conventions))
            yield from found
            if rule.kind == "grade" and not found:
                yield from _held_grade(rule, chunk, sentence)


def _is_label(match: re.Match[str] | None) -> bool:
    return match is not None and ALL_LABELS.search(match["label"]) is not None


def _rules(chunk: Chunk) -> list[FieldRule]:
    """A table of references tells about other projects, so it has no price or period of this bid."""
    elsewhere = any(OTHER_PROJECT.search(heading) for heading in chunk.heading_path)
    return [rule for rule in FIELDS if not (elsewhere and rule.own_only)]


def _behind_labels(rule: FieldRule, chunk: Chunk, sentence: Span, conventions: Conventions) -> Iterator[Reading]:
    if rule.kind == "text":
        return
    for label in rule.label.finditer(chunk.text, sentence.start, sentence.end):
        if not _is_this_matter(rule, chunk.text, sentence, Span(*label.span())):
            continue
        end = min(sentence.end, label.end() + _REACH)
        other = ALL_LABELS.search(chunk.text, label.end(), end)
        if other:
            end = other.start()
        clause = clause_at(chunk.text, sentence, label.start())
        required = REQUIREMENT.search(chunk.text, clause.start, label.start()) is not None
        span = Span(max(clause.end, label.end()) if required else label.end(), end)
        if span.start < span.end:
            yield from readings_in(rule, chunk, span, "pattern", conventions=conventions)


def _is_this_matter(rule: FieldRule, text: str, sentence: Span, label: Span) -> bool:
    before, after = text[max(sentence.start, label.start - 40) : label.start], text[label.end : label.end + 30]
    if rule.never_before and rule.never_before.search(before):
        return False
    return not (rule.never_after and rule.never_after.search(after))


def _held_grade(rule: FieldRule, chunk: Chunk, sentence: Span) -> Iterator[Reading]:
    """ "We hold a Grade 1 qualification": a grade without its label, counted only where no labelled one stands."""
    text = chunk.text
    match = GRADE.search(text, sentence.start, sentence.end)
    if match and _HOLDS.search(text, sentence.start, match.start()) and _UNLABELLED_GRADE.search(text, *sentence):
        yield Reading(
            field=rule.field,
            value={"text": grade_name(match)},
            chunk=chunk,
            start=match.start(),
            end=match.end(),
            extractor="pattern",
            labelled=False,
        )


def from_forms(chunk: Chunk, conventions: Conventions) -> Iterator[Reading]:
    """Extractor `form_field`: lines such as "Bid price: EUR 1,200.00" or 投标总价（小写）：¥3,000,000.00."""
    for line in _FORM_LINE.finditer(chunk.text):
        label = Span(*line.span("label"))
        for rule in _rules(chunk):
            found = rule.label.search(chunk.text, *label)
            if found and _is_this_matter(rule, chunk.text, label, Span(*found.span())):
                hint = _hint(line["label"])
                span = Span(*line.span("value"))
                yield from readings_in(rule, chunk, span, "form_field", conventions=conventions, hint=hint)


def _hint(label: str) -> str:
    match = _HINT.search(label)
    unit = match["unit"] if match else ""
    return {"月": "个月", "人民币元": "元", "RMB": "CNY"}.get(unit, unit)


def from_tables(chunk: Chunk, conventions: Conventions) -> Iterator[Reading]:
    """Extractor `table_cell`: the cell beside a label, in the column of the offer rather than of the requirement;
    in a table of one data row also the cell under a label."""
    rows = table_rows(chunk.text)
    if not rows:
        return
    header = rows[0]
    priced = any(PRICE_TABLE.search(h) for h in chunk.heading_path) or _matches(chunk, header, PRICE_TABLE)
    for number, row in enumerate(rows):
        for rule in _rules(chunk):
            for place, cell in enumerate(row.cells):
                if _names(rule, chunk, cell, priced=priced):
                    if number == 0 and len(rows) == 2:
                        yield from _under(rule, chunk, rows, place, conventions)
                    else:
                        yield from _beside(rule, chunk, rows, number, place, conventions)
                    break


def _matches(chunk: Chunk, row: TableRow, pattern: re.Pattern[str]) -> bool:
    return any(pattern.search(chunk.text, *cell) for cell in row.cells)


def _names(rule: FieldRule, chunk: Chunk, cell: Span, *, priced: bool) -> bool:
    text = chunk.text[cell.start : cell.end]
    if len(text.strip()) > 60:
        return False
    found = rule.label.search(chunk.text, *cell)
    if found:
        return _is_this_matter(rule, chunk.text, cell, Span(*found.span()))
    return bool(priced and rule.totals and rule.totals.search(text.strip()))


def _under(rule: FieldRule, chunk: Chunk, rows: list[TableRow], place: int, how: Conventions) -> Iterator[Reading]:
    if place < len(rows[1].cells):
        hint = _hint(chunk.text[rows[0].cells[place].start : rows[0].cells[place].end])
        yield from readings_in(rule, chunk, rows[1].cells[place], "table_cell", conventions=how, hint=hint)


def _beside(
    rule: FieldRule, chunk: Chunk, rows: list[TableRow], number: int, place: int, how: Conventions
) -> Iterator[Reading]:
    """Cells right of the label, offers first; the total of a price table stands in the last column."""
    row, header = rows[number], rows[0]
    aligned = number > 0 and len(row.cells) == len(header.cells)
    heads = [chunk.text[c.start : c.end] for c in header.cells] if aligned else [""] * len(row.cells)
    right = list(range(place + 1, len(row.cells)))
    offers = [i for i in right if OFFER_HEADER.search(heads[i]) and not REQUIREMENT_HEADER.search(heads[i])]
    free = [i for i in right if not REQUIREMENT_HEADER.search(heads[i])]
    label = chunk.text[row.cells[place].start : row.cells[place].end]
    order = offers or (list(reversed(free)) if rule.kind == "money" and len(free) > 2 else free)
    for i in order:
        cell = row.cells[i]
        if (
            ALL_LABELS.search(chunk.text, *cell)
            and len(chunk.text[cell.start : cell.end].strip()) < 30
            and i not in offers
        ):
            if order is free:
                return
            continue
        hint = _hint(label) or _hint(heads[i])
        found = readings_in(rule, chunk, cell, "table_cell", conventions=how, hint=hint)
        if found:
            yield from found
            return
