"""What a parser returns: pages and blocks in one coordinate system (spec 03 section 5, D19).

Boxes are (x0, y0, x1, y1) in points of 1/72 inch, origin top left, y down, relative to the crop box of the
page as displayed, two decimals. Spans are code points, zero based, half open. Pages count from 1.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

VIRTUAL_PAGE = (595.0, 842.0)


class Box(NamedTuple):
    """A rectangle in points with x0 < x1 and y0 < y1."""

    x0: float
    y0: float
    x1: float
    y1: float


def enclosing(boxes: list[Box]) -> Box:
    """The smallest box around all boxes; raises ValueError for none."""
    return Box(min(b.x0 for b in boxes), min(b.y0 for b in boxes), max(b.x1 for b in boxes), max(b.y1 for b in boxes))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a block: where it stands on the page and which span of the block's text it is."""

    page: int
    box: Box
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell; `start` and `end` are its span in the block's text, `row` and `col` count from 0."""

    row: int
    col: int
    row_span: int
    col_span: int
    text: str
    page: int
    box: Box
    start: int
    end: int
    header: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A unit of reading. `type` is one of heading, paragraph, list_item, table, caption, figure, formula,
    form_field, signature_field, footnote, furniture. The text of a table joins the cells of a row with
    " | " and rows with a newline, so every cell keeps its span. `locator` names the place for people on
    virtual pages ("section 2.1, paragraph 4")."""

    page: int
    seq: int
    type: str
    text: str
    box: Box
    lines: tuple[Line, ...]
    heading_path: tuple[str, ...] = ()
    level: int | None = None
    lang: str = "other"
    cells: tuple[Cell, ...] = ()
    quality: float = 1.0
    route: str = "text"
    parser: str = ""
    parser_version: str = ""
    flags: tuple[str, ...] = ()
    locator: str | None = None
    block_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page as measured by the router: size in points, kind physical or virtual, route, measured values."""

    number: int
    width: float
    height: float
    kind: str = "physical"
    route: str = "text"
    measured: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParsedRange:
    """The blocks of pages first..last (inclusive) in reading order."""

    first: int
    last: int
    blocks: tuple[Block, ...]
