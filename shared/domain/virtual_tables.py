"""Tables on virtual pages: equal columns, rows that never break over a page (spec P55, P57)."""

from dataclasses import dataclass

from shared.domain.block_sequence import CONTINUES
from shared.domain.blocks import VIRTUAL_PAGE, Block, Box, Cell, Line
from shared.domain.flow import FlowCell, FlowItem
from shared.domain.virtual_lines import FONT_SIZE, LINE_HEIGHT, text_width, wrap

_MARGIN, _PAD = 56.0, 3.0
_TOP, _BOTTOM = _MARGIN, VIRTUAL_PAGE[1] - _MARGIN
_RISE = (LINE_HEIGHT - FONT_SIZE) / 2
_MOST_LINES = int((_BOTTOM - _TOP - 2 * _PAD) // LINE_HEIGHT)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row on its page; `lines` of its cells are the wrapped spans."""

    number: int
    page: int
    top: float
    bottom: float


def table_blocks(item: FlowItem, page: int, y: float) -> list[Block]:
    """One block per page that the table reaches, the later ones flagged `continues`; none without text."""
    if not any(c.text.strip() for c in item.cells):
        return []
    cols = max(c.col + c.col_span for c in item.cells)
    step = (VIRTUAL_PAGE[0] - 2 * _MARGIN) / cols
    wrapped = {(c.row, c.col): wrap(c.text, _inner(c, step)) for c in item.cells}
    placed = _place_rows(item, wrapped, page, y)
    blocks: list[Block] = []
    for number in sorted({row.page for row in placed}):
        rows = {row.number: row for row in placed if row.page == number}
        blocks.append(_part(item, rows, wrapped, step, is_rest=bool(blocks)))
    return blocks


def _inner(cell: FlowCell, step: float) -> float:
    return max(cell.col_span * step - 2 * _PAD, FONT_SIZE)


def _place_rows(
    item: FlowItem, wrapped: dict[tuple[int, int], list[tuple[int, int]]], page: int, y: float
) -> list[_Row]:
    """Heights come from the cells that end in the row; a row that does not fit goes to the next page."""
    placed = []
    for number in range(max(c.row + c.row_span for c in item.cells)):
        own = [len(wrapped[c.row, c.col]) for c in item.cells if c.row == number]
        height = min(max([*own, 1]), _MOST_LINES) * LINE_HEIGHT + 2 * _PAD
        if y + height > _BOTTOM and y > _TOP:
            page, y = page + 1, _TOP
        placed.append(_Row(number, page, round(y, 2), round(y + height, 2)))
        y += height
    return placed


def _part(
    item: FlowItem,
    rows: dict[int, _Row],
    wrapped: dict[tuple[int, int], list[tuple[int, int]]],
    step: float,
    *,
    is_rest: bool,
) -> Block:
    """The rows of one page as a block; spans that reach over the page end are cut to it."""
    first = min(rows)
    text = ""
    cells: list[Cell] = []
    lines: list[Line] = []
    for number in sorted(rows):
        text += "\n" if number > first else ""
        for index, cell in enumerate(sorted((c for c in item.cells if c.row == number), key=lambda c: c.col)):
            text += " | " if index else ""
            last = max(n for n in rows if n < cell.row + cell.row_span)
            box = _cell_box(cell, rows[number].top, rows[last].bottom, step)
            at = len(text)
            spans = wrapped[cell.row, cell.col]
            lines += _cell_lines(cell, spans, rows[number], box, at)
            span = (last - number + 1, cell.col_span)
            cells.append(_cell(cell, rows[number], box, (number - first, span), at))
            text += cell.text
    page = rows[first].page
    right = max(c.box.x1 for c in cells)
    return Block(
        page=page,
        seq=0,
        type="table",
        text=text,
        box=Box(_MARGIN, rows[first].top, right, rows[max(rows)].bottom),
        lines=tuple(lines),
        cells=tuple(cells),
        flags=(*item.flags, CONTINUES) if is_rest else item.flags,
        locator=item.locator,
    )


def _cell(cell: FlowCell, row: _Row, box: Box, place: tuple[int, tuple[int, int]], at: int) -> Cell:
    """`place` is the row in this part and the spans that are left of the cell on this page."""
    number, (row_span, col_span) = place
    end = at + len(cell.text)
    return Cell(number, cell.col, row_span, col_span, cell.text, row.page, box, at, end, cell.header)


def _cell_box(cell: FlowCell, top: float, bottom: float, step: float) -> Box:
    left = _MARGIN + cell.col * step
    return Box(round(left, 2), top, round(left + cell.col_span * step, 2), bottom)


def _cell_lines(cell: FlowCell, spans: list[tuple[int, int]], row: _Row, box: Box, at: int) -> list[Line]:
    """Lines of a cell; in a row taller than a page the last lines share the last line's place."""
    lines = []
    for index, (start, end) in enumerate(spans):
        top = row.top + _PAD + _RISE + min(index, _MOST_LINES - 1) * LINE_HEIGHT
        right = min(box.x0 + _PAD + max(text_width(cell.text[start:end]), 1.0), box.x1)
        place = Box(round(box.x0 + _PAD, 2), round(top, 2), round(right, 2), round(top + FONT_SIZE, 2))
        lines.append(Line(row.page, place, at + start, at + end))
    return lines
