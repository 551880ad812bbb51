"""Render a demo source as a PDF with running headers, page numbers, outline and ruled tables."""

from pathlib import Path
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    LongTable,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
)
from reportlab.platypus.tables import TableStyle

from infra.local.demo_source import Element, Source
from shared.adapters.report_pdf.fonts import LATIN, LATIN_BOLD, has_han, mixed, register_fonts, runs

MARGIN = 68.0
# A caption moves to the next page unless this many points are left for it and the first rows of its table.
ROOM_FOR_TABLE = 110.0
WIDTH = A4[0] - 2 * MARGIN
INK = colors.HexColor("#1d2a3a")
RULE = colors.HexColor("#7b8794")
SHADE = colors.HexColor("#e6ebf1")
_GRID = TableStyle(
    [
        ("GRID", (0, 0), (-1, -1), 0.6, RULE),
        ("BACKGROUND", (0, 0), (-1, 0), SHADE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 6),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 7),
        ("LEFTPADDING", (0, 0), (-1, -1), 6),
        ("RIGHTPADDING", (0, 0), (-1, -1), 6),
    ]
)


class _Document(BaseDocTemplate):  # type: ignore[misc]
    """A document that writes each heading into the outline."""

    def afterFlowable(self, flowable: Flowable) -> None:
        """Add an outline entry for a heading; called by reportlab after each flowable."""
        level = getattr(flowable, "outline_level", None)
        if level is None:
            return
        key = f"h{self.seq_of_heading}"
        self.seq_of_heading += 1
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(flowable.outline_text, key, level=level, closed=level > 0)


def render_pdf(source: Source, target: Path) -> None:
    """Write the PDF; the same source gives the same bytes."""
    register_fonts()
    document = _Document(
        str(target),
        pagesize=A4,
        invariant=1,
        title=source.meta["title"],
        author=source.meta["author"],
        lang=source.language,
    )
    document.seq_of_heading = 0
    frame = Frame(MARGIN, 62, WIDTH, A4[1] - 62 - 74, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)
    document.addPageTemplates(
        [
            PageTemplate("cover", [frame], autoNextPageTemplate="body"),
            PageTemplate("body", [frame], onPage=_furniture(source)),
        ]
    )
    styles = _styles(source.language == "zh")
    story: list[Flowable] = [*_cover(source, styles)]
    for element in source.elements:
        story.extend(_flowables(element, styles))
    document.build(story)


def _furniture(source: Source) -> Any:
    """The running header and the page number of every page but the cover."""

    def draw(canvas: Any, document: Any) -> None:
        """Called by reportlab on each new page."""
        canvas.saveState()
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.5)
        canvas.line(MARGIN, A4[1] - 56, A4[0] - MARGIN, A4[1] - 56)
        page = f"第 {document.page} 页" if source.language == "zh" else f"Page {document.page}"
        _draw(canvas, MARGIN, A4[1] - 50, source.meta["header"], 8.5)
        _draw(canvas, A4[0] / 2 - 18, 36, page, 8.5)
        canvas.restoreState()

    return draw


def _draw(canvas: Any, x: float, y: float, text: str, size: float) -> None:
    for font, run in runs(text):
        canvas.setFont(font, size)
        canvas.drawString(x, y, run)
        x += canvas.stringWidth(run, font, size)


def _styles(chinese: bool) -> dict[str, ParagraphStyle]:
    """Paragraph styles by element kind; sizes and leading in points."""
    wrap = "CJK" if chinese else None
    text = ParagraphStyle("text", fontName=LATIN, fontSize=10.5, leading=18, spaceAfter=9, wordWrap=wrap, textColor=INK)
    heads = {1: (17, 26, 4, 16), 2: (13, 21, 12, 8), 3: (11, 18, 8, 6)}
    made = {
        f"heading{level}": ParagraphStyle(
            f"h{level}",
            text,
            fontName=LATIN_BOLD,
            fontSize=size,
            leading=lead,
            spaceBefore=before,
            spaceAfter=after,
            keepWithNext=1,
        )
        for level, (size, lead, before, after) in heads.items()
    }
    return made | {
        "paragraph": text,
        "field": ParagraphStyle("field", text, spaceAfter=7),
        "item": ParagraphStyle("item", text, leftIndent=18, bulletIndent=6, spaceAfter=5),
        "caption": ParagraphStyle("caption", text, fontName=LATIN_BOLD, fontSize=9.5, leading=14, spaceBefore=6),
        "cell": ParagraphStyle("cell", text, fontSize=9, leading=13.5, spaceAfter=0),
        "head": ParagraphStyle("head", text, fontName=LATIN_BOLD, fontSize=9, leading=13.5, spaceAfter=0),
        "cover": ParagraphStyle(
            "cover", text, fontName=LATIN_BOLD, fontSize=20 if chinese else 25, leading=38, spaceAfter=18
        ),
        "kicker": ParagraphStyle("kicker", text, fontSize=12, leading=20, textColor=RULE),
    }


def _cover(source: Source, styles: dict[str, ParagraphStyle]) -> list[Flowable]:
    """Title page: kind of document, project, and the cover lines of the front matter, then a list of chapters."""
    meta = source.meta
    story: list[Flowable] = [
        Spacer(1, 120),
        _text(meta["kicker"], styles["kicker"]),
        _text(meta["title"], styles["cover"]),
    ]
    story += [_text(line.strip(), styles["field"]) for line in meta["cover"].split(";")]
    story += [PageBreak(), _text("目　录" if source.language == "zh" else "Contents", styles["heading2"])]
    return story + [_text(e.text, styles["field"]) for e in source.elements if e.kind == "heading" and e.level == 1]


def _flowables(element: Element, styles: dict[str, ParagraphStyle]) -> list[Flowable]:
    if element.kind == "heading":
        heading = _text(element.text, styles[f"heading{element.level}"])
        heading.outline_level, heading.outline_text = element.level - 1, element.text
        return [PageBreak(), heading] if element.level == 1 else [heading]
    if element.kind == "table":
        return [_table(element, styles), Spacer(1, 12)]
    if element.kind == "field":
        colon = "：" if has_han(element.label) else ": "
        return [_text(f"{element.label}{colon}{element.text}", styles["field"])]
    if element.kind == "item":
        return [Paragraph(mixed(element.text), styles["item"], bulletText="•")]
    if element.kind == "break":
        return [PageBreak()]
    if element.kind == "caption":
        return [CondPageBreak(ROOM_FOR_TABLE), _text(element.text, styles["caption"])]
    if element.kind == "space":
        return [Spacer(1, element.points)]
    return [_text(element.text, styles[element.kind])]


def _text(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(mixed(text), style)


def _table(element: Element, styles: dict[str, ParagraphStyle]) -> LongTable:
    """A ruled table whose header row is repeated on each page it covers."""
    total = sum(element.widths)
    rows = [[_text(c, styles["cell" if n else "head"]) for c in row] for n, row in enumerate(element.rows)]
    widths = [WIDTH * width / total for width in element.widths]
    return LongTable(rows, colWidths=widths, repeatRows=1, style=_GRID)
