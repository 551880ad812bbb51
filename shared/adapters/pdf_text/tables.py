"""Ruled tables as text with cells: cells joined by " | ", rows by newlines (spec 03 section 5, P58)."""

import re
from bisect import bisect_right
from dataclasses import dataclass

from shared.adapters.pdf_text.geometry import box_on_page
from shared.adapters.pdf_text.glyphs import Word
from shared.adapters.pdf_text.grids import Grid, GridCell
from shared.adapters.pdf_text.lines import line_of, rows_of
from shared.domain.blocks import Box, Cell, Line
from shared.domain.joining import join_lines

CELL_JOIN, ROW_JOIN = " | ", "\n"
_LARGEST_BOXED_TEXT = 1500  # characters in one of at most three filled cells: a frame around prose, no table
_FIGURES = re.compile(r"[\d.,%¥￥$€£()\s+\-–/]+")


@dataclass(frozen=True, slots=True)
class RuledTable:
    """Text, cells and lines of one table on one page, and the words that stand in it."""

    text: str
    cells: tuple[Cell, ...]
    lines: tuple[Line, ...]
    box: Box


def take_table(
    grid: Grid, words: list[Word], page: int, size: tuple[float, float]
) -> tuple[RuledTable | None, list[Word]]:
    """Fill a grid with the words whose middle lies in it; returns the table (None if it is none) and the
    words left over."""
    owners = {
        (row, col): index
        for index, cell in enumerate(grid.cells)
        for row in range(cell.row, cell.row + cell.row_span)
        for col in range(cell.col, cell.col + cell.col_span)
    }
    inside: dict[int, list[Word]] = {}
    left: list[Word] = []
    x0, y0, x1, y1 = grid.box
    for word in words:
        x, y = (word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2
        if x0 <= x < x1 and y0 <= y < y1:
            key = (bisect_right(grid.ys, y) - 1, bisect_right(grid.xs, x) - 1)
            inside.setdefault(owners[key], []).append(word)
        else:
            left.append(word)
    if len(inside) < 2 or _is_frame(inside):
        return None, words
    return _build(grid, inside, page, size), left


def _is_frame(inside: dict[int, list[Word]]) -> bool:
    longest = max(sum(len(w.text) for w in words) for words in inside.values())
    return len(inside) <= 3 and longest > _LARGEST_BOXED_TEXT


def _build(grid: Grid, inside: dict[int, list[Word]], page: int, size: tuple[float, float]) -> RuledTable:
    text, row = "", 0
    cells: list[Cell] = []
    lines: list[Line] = []
    is_first = True
    for index, cell in enumerate(grid.cells):
        while row < cell.row:
            text, row, is_first = text + ROW_JOIN, row + 1, True
        text += "" if is_first else CELL_JOIN
        is_first = False
        found = [line_of(r) for r in rows_of(inside.get(index, []))]
        joined = join_lines([line.text for line in found])
        start = len(text)
        text += joined.text
        for line, (a, b) in zip(found, joined.spans, strict=True):
            lines.append(Line(page, box_on_page(line.x0, line.y0, line.x1, line.y1, *size), start + a, start + b))
        cells.append(_cell(cell, grid, joined.text, page, size, start))
    return RuledTable(text, _with_headers(cells), tuple(lines), box_on_page(*grid.box, *size))


def _cell(cell: GridCell, grid: Grid, text: str, page: int, size: tuple[float, float], start: int) -> Cell:
    box = box_on_page(
        grid.xs[cell.col],
        grid.ys[cell.row],
        grid.xs[cell.col + cell.col_span],
        grid.ys[cell.row + cell.row_span],
        *size,
    )
    return Cell(cell.row, cell.col, cell.row_span, cell.col_span, text, page, box, start, start + len(text))


def _with_headers(cells: list[Cell]) -> tuple[Cell, ...]:
    """Rows down to the first that names two columns are headers, if none of their cells is a bare figure."""
    rows = sorted({c.row for c in cells})
    last = -1
    for row in rows[:3]:
        named = [c for c in cells if c.row == row and c.text]
        if any(_FIGURES.fullmatch(c.text) for c in named) or len(rows) < 2:
            break
        if len(named) >= 2:
            last = row
            break
    return tuple(
        c if c.row > last else Cell(c.row, c.col, c.row_span, c.col_span, c.text, c.page, c.box, c.start, c.end, True)
        for c in cells
    )
