"""Reading order: columns are found as white corridors that many rows share (spec P60)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.adapters.pdf_text.glyphs import Word
from shared.adapters.pdf_text.lines import Row, rows_of

_CORRIDOR = 8.0  # points: least width of the white space between two columns
_LEAST_ROWS = 3  # rows with text on both sides
_LEAST_CHARS = 12.0  # mean characters of a row on each side: labels and numbers make no column
_LEAST_WIDTH = 0.15  # of the page width, for the narrower column
_FILL = 0.5  # of the column width that the median row covers
_MOST_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Corridor:
    """Rows first..last-1 share the white space lo..hi; `both` of them have text on both sides."""

    first: int
    last: int
    lo: float
    hi: float
    both: int


def regions(rows: list[Row], page_width: float, depth: int = 0) -> list[list[Row]]:
    """Cut rows into regions of one column each, in reading order. Rows come top to bottom."""
    corridor = _best_corridor(rows, page_width) if depth < _MOST_DEPTH else None
    if corridor is None:
        return [rows] if rows else []
    middle = (corridor.lo + corridor.hi) / 2
    run = [word for row in rows[corridor.first : corridor.last] for word in row]
    parts = [
        rows[: corridor.first],
        rows_of([w for w in run if w.x1 <= middle]),
        rows_of([w for w in run if w.x1 > middle]),
        rows[corridor.last :],
    ]
    return [region for part in parts for region in regions(part, page_width, depth + 1)]


def _gaps(row: Row) -> list[tuple[float, float]]:
    """White spaces of a row that are wide enough, the page's margins included."""
    found = [(-1e9, row[0].x0)]
    edge = row[0].x1
    for word in row[1:]:
        if word.x0 - edge >= _CORRIDOR:
            found.append((edge, word.x0))
        edge = max(edge, word.x1)
    return [*found, (edge, 1e9)]


def _best_corridor(rows: list[Row], page_width: float) -> Corridor | None:
    if len(rows) < _LEAST_ROWS:
        return None
    gaps = [_gaps(row) for row in rows]
    tried: set[tuple[int, int, int]] = set()
    best: Corridor | None = None
    for index, row_gaps in enumerate(gaps):
        for lo, hi in row_gaps[1:-1]:
            corridor = _grow(rows, gaps, index, lo, hi)
            key = (corridor.first, corridor.last, round(corridor.lo))
            if key in tried or corridor.both < _LEAST_ROWS or (best and corridor.both <= best.both):
                continue
            tried.add(key)
            if _is_gutter(rows, corridor, page_width):
                best = corridor
    return best


def _grow(rows: list[Row], gaps: list[list[tuple[float, float]]], index: int, lo: float, hi: float) -> Corridor:
    """Follow a white space up and down as long as rows leave at least a corridor of it free."""
    both = 1
    reach = [index, index]
    for step in (1, -1):
        row = index + step
        while 0 <= row < len(gaps):
            shared = [(max(lo, a), min(hi, b), a > -1e8 and b < 1e8) for a, b in gaps[row]]
            wide = max(shared, key=lambda s: s[1] - s[0])
            if wide[1] - wide[0] < _CORRIDOR or (not wide[2] and _is_apart(rows, row, row - step)):
                break
            lo, hi = wide[0], wide[1]
            both += wide[2]
            reach[step < 0] = row
            row += step
    return Corridor(reach[1], reach[0] + 1, lo, hi, both)


def _is_apart(rows: list[Row], one: int, other: int) -> bool:
    """Whether more than a blank line lies between two neighbouring rows."""
    size = max(rows[one][0].size, rows[other][0].size)
    return abs(rows[one][0].base - rows[other][0].base) > 2.2 * size


def _is_gutter(rows: list[Row], corridor: Corridor, page_width: float) -> bool:
    """Whether both sides look like columns of text and not like labels, numbers or a table."""
    middle = (corridor.lo + corridor.hi) / 2
    run = rows[corridor.first : corridor.last]
    left: Callable[[Word], bool] = lambda w: w.x1 <= middle  # noqa: E731
    for is_left in (True, False):
        side = [[w for w in row if left(w) == is_left] for row in run]
        side = [words for words in side if words]
        width = max(w[-1].x1 for w in side) - min(w[0].x0 for w in side)
        fills = sorted((words[-1].x1 - words[0].x0) / max(width, 1.0) for words in side)
        chars = sum(len(w.text) * (1 if ord(w.text[0]) < 0x2E80 else 2) for words in side for w in words)
        is_text = chars / len(side) >= _LEAST_CHARS and fills[len(fills) // 2] >= _FILL
        if width < _LEAST_WIDTH * page_width or not is_text:
            return False
    return True
