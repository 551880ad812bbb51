"""One page of a PDF: words, tables, columns, and its blocks in reading order."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pypdfium2

from shared.adapters.pdf_text import native
from shared.adapters.pdf_text.geometry import Frame, box_on_page
from shared.adapters.pdf_text.glyphs import Word, read_glyphs
from shared.adapters.pdf_text.grids import find_grids
from shared.adapters.pdf_text.lines import TABLE_MARK, Row, TextLine, line_of, rows_of
from shared.adapters.pdf_text.order import regions
from shared.adapters.pdf_text.paragraphs import blocks_of
from shared.adapters.pdf_text.profile import Profile
from shared.adapters.pdf_text.rules import Drawing, read_drawing
from shared.adapters.pdf_text.tables import RuledTable, take_table
from shared.domain.blocks import Block, Line, enclosing
from shared.domain.errors import Permanent
from shared.domain.joining import join_lines, language
from shared.domain.numbering import heading_number, list_label

_ALIGNED_ROWS = 3  # P38: as many rows with aligned columns and no rules make a layout uncertain


@dataclass(frozen=True, slots=True)
class PageContent:
    """What is read of a page before the document's profile is known."""

    number: int
    size: tuple[float, float]
    tables: tuple[RuledTable, ...]
    columns: tuple[tuple[TextLine | int, ...], ...]
    hidden: tuple[TextLine, ...]
    turned: tuple[TextLine, ...]
    uncertain: bool

    @property
    def lines(self) -> list[TextLine]:
        """All lines outside tables, in reading order."""
        return [item for column in self.columns for item in column if isinstance(item, TextLine)]


@contextmanager
def loaded(document: Any, number: int) -> Iterator[tuple[Any, Frame]]:
    """A page, counted from 1, with its frame; raises Permanent DOC_PARSE_PDF_CORRUPT."""
    try:
        page = document[number - 1]
    except pypdfium2.PdfiumError as error:
        raise Permanent("DOC_PARSE_PDF_CORRUPT", f"page {number} cannot be read", details={"page": number}) from error
    try:
        left, bottom, right, top = page.get_bbox()
        yield page, Frame(left, bottom, right, top, page.get_rotation() % 360)
    finally:
        page.close()


def read_page(document: Any, number: int) -> PageContent:
    """Read one page, counted from 1."""
    with loaded(document, number) as (page, frame):
        text_page = page.get_textpage()
        try:
            glyphs = read_glyphs(text_page, frame)
        finally:
            text_page.close()
        drawing = read_drawing(native.address_of(page.raw), frame)
    size = (frame.width, frame.height)
    shown = [w for w in glyphs.white if _on_dark(w, drawing)]
    concealed = glyphs.hidden + [w for w in glyphs.white if not _on_dark(w, drawing)]
    words, tables = glyphs.plain + shown, []
    for grid in find_grids(drawing.rules):
        table, words = take_table(grid, words, number, size)
        if table is not None:
            tables.append(table)
    marks = [Word(*t.box, t.box.y0, f"{TABLE_MARK}{i}", 1.0, False, 0, 0) for i, t in enumerate(tables)]
    columns = regions(rows_of([*words, *marks]), frame.width)
    return PageContent(
        number,
        size,
        tuple(tables),
        tuple(tuple(_item(row) for row in column) for column in columns),
        tuple(line_of(row) for row in rows_of(concealed)),
        tuple(line_of([word]) for word in glyphs.turned),
        any(_is_uncertain(column) for column in columns) or len(glyphs.turned) > len(words),
    )


def page_blocks(content: PageContent, profile: Profile) -> list[Block]:
    """Blocks in reading order, then turned text, furniture and hidden text."""
    body: list[Block] = []
    running: list[TextLine] = []
    for column in content.columns:
        free: list[TextLine] = []
        for item in column:
            if isinstance(item, int):
                body += [*blocks_of(free, profile, content.number, content.size), _table(content.tables[item], content)]
                free = []
            elif profile.is_furniture(item, content.size[1]):
                running.append(item)
            else:
                free.append(item)
        body += blocks_of(free, profile, content.number, content.size)
    if content.uncertain:
        body = [replace(block, flags=(*block.flags, "layout_uncertain")) for block in body]
    body += _aside(content.turned, content, "paragraph", ("turned",))
    for line in running:
        body += _aside((line,), content, "furniture", ())
    return body + _aside(content.hidden, content, "paragraph", ("hidden",))


def _item(row: Row) -> TextLine | int:
    first = row[0].text
    return int(first[1:]) if first[0] == TABLE_MARK else line_of(row)


def _on_dark(word: Word, drawing: Drawing) -> bool:
    x, y = (word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2
    return any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in drawing.fills + drawing.images)


def _is_uncertain(column: list[Row]) -> bool:
    """Whether three rows in a run have a wide white space that is not the one after a label."""
    run = 0
    for row in column:
        gaps = [b.x0 - a.x1 for a, b in pairwise(row)]
        wide = [i for i, gap in enumerate(gaps) if gap > 2 * row[i].size]
        head = " ".join(w.text for w in row[: wide[0] + 1]) if wide else ""
        is_label = bool(wide) and (list_label(head + " x") or heading_number(head + " x")) and len(head) < 12
        run = run + 1 if wide and (len(wide) > 1 or not is_label) else 0
        if run >= _ALIGNED_ROWS:
            return True
    return False


def _table(table: RuledTable, content: PageContent) -> Block:
    return Block(
        page=content.number,
        seq=0,
        type="table",
        text=table.text,
        box=table.box,
        lines=table.lines,
        cells=table.cells,
        lang=language(table.text),
    )


def _aside(lines: tuple[TextLine, ...], content: PageContent, kind: str, flags: tuple[str, ...]) -> list[Block]:
    """One block of lines outside the reading order; none for no lines."""
    if not any(line.text for line in lines):
        return []
    joined = join_lines([line.text for line in lines])
    placed = tuple(
        Line(content.number, box_on_page(line.x0, line.y0, line.x1, line.y1, *content.size), a, b)
        for line, (a, b) in zip(lines, joined.spans, strict=True)
    )
    box = enclosing([line.box for line in placed])
    text = joined.text
    return [
        Block(page=content.number, seq=0, type=kind, text=text, box=box, lines=placed, lang=language(text), flags=flags)
    ]
