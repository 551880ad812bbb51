"""Lay flow items out on virtual pages of 595 x 842 pt, so that each block and cell has a page and a box (P55).

The layout uses a fixed advance table and line height, no fonts: the same boxes on every machine.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import ceil

from shared.domain.block_sequence import CONTINUES
from shared.domain.blocks import VIRTUAL_PAGE, Block, Box, Line, Page, enclosing
from shared.domain.errors import Permanent
from shared.domain.flow import FlowItem
from shared.domain.ingest_plan import PAGE_LIMIT
from shared.domain.joining import language
from shared.domain.virtual_lines import FONT_SIZE, LINE_HEIGHT, advance, text_width, wrap
from shared.domain.virtual_tables import table_blocks

MARGIN = 56.0
GAP = 6.0  # points between blocks
INDENT = 18.0  # points per depth of a list
WIDTH = VIRTUAL_PAGE[0] - 2 * MARGIN
BOTTOM = VIRTUAL_PAGE[1] - MARGIN
LINES = int((BOTTOM - MARGIN) // LINE_HEIGHT)  # that a page can hold
_RISE = (LINE_HEIGHT - FONT_SIZE) / 2


@dataclass(slots=True)
class Pen:
    """Where the next line goes."""

    page: int = 1
    y: float = MARGIN

    def room_for(self, height: float) -> None:
        """Turn to the next page unless the height fits or the page is empty."""
        if self.y + height > BOTTOM and self.y > MARGIN:
            self.page, self.y = self.page + 1, MARGIN


@dataclass(frozen=True, slots=True)
class Laid:
    """The pages of a flow document and its blocks in reading order."""

    pages: tuple[Page, ...]
    blocks: tuple[Block, ...] = field(default_factory=tuple)


def least_pages(counts: Mapping[str, int]) -> int:
    """The fewest pages that plain text of these characters can take: all that is visible of it, side by side on full
    lines. What cleaning may take away or join (blanks, controls, marks, line hyphens, Hangul jamo) counts nothing."""
    width = sum(advance(char) * count for char, count in counts.items() if _stays(char))
    return ceil(FONT_SIZE * width / (WIDTH * LINES))


def _stays(char: str) -> bool:
    return unicodedata.category(char)[0] not in "CZM" and char not in "-\u2010" and not "\u1100" <= char < "\u1200"


def check_limit(pages: int, *, share: float = 1.0) -> None:
    """Raise Permanent DOC_PAGE_LIMIT_EXCEEDED above 2,000 pages (P26). Reading stops there, so `measured` is what was
    counted, and `estimated` what the whole has if it goes on like the `share` of it that was read."""
    if pages > PAGE_LIMIT:
        details = {"limit": PAGE_LIMIT, "measured": pages, "estimated": round(pages / share)}
        raise Permanent("DOC_PAGE_LIMIT_EXCEEDED", f"more than {PAGE_LIMIT} pages; split the document", details=details)


def lay_out(items: Iterable[FlowItem]) -> Laid:
    """Blocks of all items; items without visible text are left out. Takes no more items than fill 2,000 pages.

    Raises Permanent DOC_PAGE_LIMIT_EXCEEDED."""
    pen = Pen()
    blocks: list[Block] = []
    for item in items:
        made = table_blocks(item, pen.page, pen.y) if item.type == "table" else _text_blocks(item, pen)
        if item.type == "table" and made:
            pen.page, pen.y = made[-1].page, made[-1].box.y1
        blocks += made
        if made:
            pen.y += GAP
        check_limit(pen.page)
    last = max((line.page for block in blocks for line in block.lines), default=1)
    width, height = VIRTUAL_PAGE
    pages = tuple(Page(number=n, width=width, height=height, kind="virtual") for n in range(1, last + 1))
    return Laid(pages, tuple(replace(b, seq=i, lang=language(b.text)) for i, b in enumerate(blocks)))


def _text_blocks(item: FlowItem, pen: Pen) -> list[Block]:
    """One block per page that the text reaches; later ones are flagged `continues`."""
    left = MARGIN + min(item.indent, 8) * INDENT
    spans = wrap(item.text, VIRTUAL_PAGE[0] - MARGIN - left)
    parts: dict[int, list[tuple[int, int, Box]]] = {}
    for start, end in spans:
        pen.room_for(LINE_HEIGHT)
        right = min(left + max(text_width(item.text[start:end]), 1.0), VIRTUAL_PAGE[0])
        box = Box(round(left, 2), round(pen.y + _RISE, 2), round(right, 2), round(pen.y + _RISE + FONT_SIZE, 2))
        parts.setdefault(pen.page, []).append((start, end, box))
        pen.y += LINE_HEIGHT
    return [_text_block(item, page, lines, i > 0) for i, (page, lines) in enumerate(parts.items())]


def _text_block(item: FlowItem, page: int, lines: list[tuple[int, int, Box]], is_rest: bool) -> Block:
    first = lines[0][0]
    return Block(
        page=page,
        seq=0,
        type=item.type,
        text=item.text[first : lines[-1][1]],
        box=enclosing([box for _, _, box in lines]),
        lines=tuple(Line(page, box, a - first, b - first) for a, b, box in lines),
        level=item.level,
        flags=(*item.flags, CONTINUES) if is_rest else item.flags,
        locator=item.locator,
    )
