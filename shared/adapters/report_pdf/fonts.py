"""Embed the fonts of reports: Bitstream Vera for Latin, Droid Sans Fallback for Chinese, switched run by run."""

from functools import lru_cache
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

import reportlab
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

LATIN = "BidproofLatin"
LATIN_BOLD = "BidproofLatinBold"
HAN = "BidproofHan"
HAN_FILE = Path(__file__).parent / "ttf" / "DroidSansFallbackFull.ttf"
LATIN_FOLDER = Path(reportlab.__file__).parent / "fonts"


@lru_cache(maxsize=1)
def register_fonts() -> tuple[frozenset[int], frozenset[int]]:
    """Register the three fonts with reportlab once; returns the code points of the Latin and of the Han font."""
    latin = TTFont(LATIN, LATIN_FOLDER / "Vera.ttf")
    han = TTFont(HAN, HAN_FILE)
    for font in (latin, TTFont(LATIN_BOLD, LATIN_FOLDER / "VeraBd.ttf"), han):
        pdfmetrics.registerFont(font)
    pdfmetrics.registerFontFamily(LATIN, normal=LATIN, bold=LATIN_BOLD, italic=LATIN, boldItalic=LATIN_BOLD)
    return frozenset(latin.face.charToGlyph), frozenset(han.face.charToGlyph)


def has_han(text: str) -> bool:
    """Whether any character needs the Chinese font, so that lines may break between characters."""
    latin, _ = register_fonts()
    return any(ord(char) not in latin and ord(char) > 0x2E7F for char in text)


def runs(text: str) -> list[tuple[str, str]]:
    """The text as (font name, run) in order. A character that neither font draws is spelled out as "[U+2713]",
    so that nothing disappears from a quote without a trace. Line breaks stay in the runs, other control
    characters become spaces."""
    latin, han = register_fonts()
    pieces: list[tuple[str, str]] = []
    for char in text:
        code = ord(char)
        if char == "\n" or code in latin:
            pieces.append((LATIN, char))
        elif code in han:
            pieces.append((HAN, char))
        elif code < 0x20 or char.isspace():
            pieces.append((LATIN, " "))
        else:
            pieces.append((LATIN, f"[U+{code:04X}]"))
    return [(font, "".join(part for _, part in group)) for font, group in groupby(pieces, key=lambda piece: piece[0])]


def mixed(text: str) -> str:
    """Markup for a reportlab Paragraph whose style uses LATIN: XML escaped, Chinese runs in HAN, newlines as breaks."""
    parts: list[str] = []
    for font, run in runs(text):
        marked = escape(run).replace("\n", "<br/>")
        parts.append(marked if font == LATIN else f'<font name="{HAN}">{marked}</font>')
    return "".join(parts)
