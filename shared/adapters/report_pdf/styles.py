"""Look of a printed report: colours, paragraph styles, tables and the page frame with its footer."""

from collections.abc import Callable, Sequence
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, LongTable, Paragraph
from reportlab.platypus.tables import TableStyle

from shared.adapters.report_pdf.fonts import LATIN, LATIN_BOLD, has_han, mixed, runs

MARGIN = 50.0
WIDTH = A4[0] - 2 * MARGIN
INK = colors.HexColor("#1c2733")
MUTED = colors.HexColor("#5f6b78")
LINE = colors.HexColor("#c9d1da")
BAND = colors.HexColor("#eef2f6")
ACCENT = colors.HexColor("#14507a")
OUTCOME_COLOURS = {
    "pass": colors.HexColor("#1f7a3f"),
    "partial": colors.HexColor("#8a6100"),
    "fail": colors.HexColor("#b3261e"),
    "not_found": colors.HexColor("#6b4fa0"),
    "needs_human": colors.HexColor("#14507a"),
}
_TEXT = ParagraphStyle(
    "text", fontName=LATIN, bulletFontName=LATIN, fontSize=8.8, leading=13.2, textColor=INK, spaceAfter=3
)
STYLES = {
    "text": _TEXT,
    "small": ParagraphStyle("small", _TEXT, fontSize=7.6, leading=11, textColor=MUTED, spaceAfter=0),
    "cell": ParagraphStyle("cell", _TEXT, fontSize=8, leading=11.5, spaceAfter=0),
    "head": ParagraphStyle(
        "head", _TEXT, fontName=LATIN_BOLD, fontSize=7.8, leading=11.5, textColor=MUTED, spaceAfter=0
    ),
    "subhead": ParagraphStyle(
        "subhead",
        _TEXT,
        fontName=LATIN_BOLD,
        fontSize=7.8,
        leading=11.5,
        textColor=MUTED,
        spaceBefore=5,
        keepWithNext=1,
    ),
    "title": ParagraphStyle("title", _TEXT, fontName=LATIN_BOLD, fontSize=19, leading=27, spaceAfter=4),
    "kicker": ParagraphStyle("kicker", _TEXT, fontName=LATIN_BOLD, fontSize=9.5, leading=14, textColor=ACCENT),
    "big": ParagraphStyle("big", _TEXT, fontName=LATIN_BOLD, fontSize=17, leading=22, textColor=ACCENT, spaceAfter=0),
    "section": ParagraphStyle(
        "section", _TEXT, fontName=LATIN_BOLD, fontSize=13, leading=19, spaceBefore=14, spaceAfter=6
    ),
    "criterion": ParagraphStyle("criterion", _TEXT, fontName=LATIN_BOLD, fontSize=10, leading=15, spaceAfter=0),
    "claim": ParagraphStyle("claim", _TEXT, leftIndent=12, bulletIndent=2),
    "quote": ParagraphStyle("quote", _TEXT, leftIndent=22, fontSize=8.2, leading=12, textColor=MUTED),
}
_CJK = {name: ParagraphStyle(f"{name}-cjk", style, wordWrap="CJK") for name, style in STYLES.items()}


def paragraph(text: str, style: str = "text", **options: Any) -> Paragraph:
    """A paragraph of plain text; Chinese text may break between any two characters."""
    return Paragraph(mixed(text), _chosen(text, style), **options)


def marked(markup: str, plain: str, style: str = "text", **options: Any) -> Paragraph:
    """A paragraph of ready markup; `plain` is its text, which decides how lines break."""
    return Paragraph(markup, _chosen(plain, style), **options)


def _chosen(text: str, style: str) -> ParagraphStyle:
    return (_CJK if has_han(text) else STYLES)[style]


def outcome_markup(outcome: str, label: str) -> str:
    """The verdict in its colour and in bold where the font has it."""
    colour = OUTCOME_COLOURS.get(outcome, INK)
    return f'<font color="#{colour.hexval()[2:]}"><b>{mixed(label)}</b></font>'


def grid(rows: Sequence[Sequence[Flowable]], widths: Sequence[float]) -> LongTable:
    """A table with a shaded header row that repeats on each page; widths are relative.

    A row higher than a page, such as a quoted table, goes on over the next pages."""
    style = TableStyle(
        [
            ("BACKGROUND", (0, 0), (-1, 0), BAND),
            ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
            ("LINEABOVE", (0, 0), (-1, 0), 0.8, INK),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 4),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
            ("LEFTPADDING", (0, 0), (-1, -1), 5),
            ("RIGHTPADDING", (0, 0), (-1, -1), 5),
        ]
    )
    total = sum(widths)
    return LongTable(
        [list(row) for row in rows],
        colWidths=[WIDTH * w / total for w in widths],
        repeatRows=1,
        splitInRow=1,
        style=style,
    )


def numbered_canvas(footer: str, numbering: str) -> Callable[..., Canvas]:
    """A canvas class that writes the footer and "page x of y" when all pages are known."""

    class Numbered(Canvas):  # type: ignore[misc]
        """Keeps each finished page until the count is known."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._kept: list[dict[str, Any]] = []

        def showPage(self) -> None:
            """Keep the page instead of writing it."""
            self._kept.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            """Write every page with its footer, then the file."""
            for number, page in enumerate(self._kept, 1):
                self.__dict__.update(page)
                _draw_footer(self, footer, numbering.format(page=number, count=len(self._kept)))
                super().showPage()
            super().save()

    return Numbered


def _draw_footer(canvas: Canvas, left: str, right: str) -> None:
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, 40, A4[0] - MARGIN, 40)
    canvas.setFillColor(MUTED)
    draw_line(canvas, MARGIN, 28, left)
    width = sum(canvas.stringWidth(run, font, 7.5) for font, run in runs(right))
    draw_line(canvas, A4[0] - MARGIN - width, 28, right)


def draw_line(canvas: Canvas, x: float, y: float, text: str) -> None:
    """Draw one line of mixed text at (x, y) in points from the lower left corner."""
    for font, run in runs(text):
        canvas.setFont(font, 7.5)
        canvas.drawString(x, y, run)
        x += canvas.stringWidth(run, font, 7.5)
