"""The text of a chunk and where each piece of it stands on its page (spec P70: positions)."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.block_sequence import WholeBlock
from shared.domain.blocks import Block, Box, enclosing
from shared.domain.chunks import Position

BLOCK_JOIN = "\n"


@dataclass(frozen=True, slots=True)
class Slice:
    """The part start..end of a block's text."""

    source: WholeBlock
    start: int
    end: int


def place(slices: Sequence[Slice], fresh: tuple[int, int]) -> tuple[str, tuple[Position, ...], int]:
    """Text, positions and overlap length of a chunk. `fresh` is the slice and the offset in its block where
    the text begins that no chunk before holds."""
    text = ""
    positions: list[Position] = []
    overlap = 0
    for index, part in enumerate(slices):
        start, end = _trimmed(part)
        text += BLOCK_JOIN if text else ""
        if index == fresh[0]:
            overlap = len(text) + max(fresh[1] - start, 0)
        positions += _positions(part.source.block, start, end, len(text))
        text += part.source.block.text[start:end]
    return text, tuple(positions), overlap


def _trimmed(part: Slice) -> tuple[int, int]:
    text = part.source.block.text
    start, end = part.start, part.end
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _positions(block: Block, start: int, end: int, at: int) -> list[Position]:
    """One per line; in tables one per filled cell and page, so that a cell can be cited alone."""
    if block.cells:
        return _cell_positions(block, start, end, at)
    return [
        Position(x.page, x.box, max(x.start, start) - start + at, min(x.end, end) - start + at, block.locator)
        for x in block.lines
        if x.start < end and x.end > start
    ]


def _row_locator(block: Block, row: int) -> str | None:
    """ "table 3, row 2" on virtual pages, rows counted from 1."""
    return f"{block.locator}, row {row + 1}" if block.locator else None


def _cell_positions(block: Block, start: int, end: int, at: int) -> list[Position]:
    lines = iter(block.lines)
    line = next(lines, None)
    found = []
    for cell in sorted((c for c in block.cells if c.end > c.start), key=lambda c: c.start):
        boxes: list[Box] = []
        while line is not None and line.start < cell.end:
            if line.start >= cell.start:
                boxes.append(line.box)
            line = next(lines, None)
        if cell.start < end and cell.end > start:
            box = enclosing(boxes) if boxes else cell.box
            span = (max(cell.start, start) - start + at, min(cell.end, end) - start + at)
            found.append(Position(cell.page, box, span[0], span[1], _row_locator(block, cell.row)))
    return found
