"""Does a citation resolve? The quote in the stored text at its span, and every line of it in the page inside its box.

Pages are read here by pdfium's own mapping from the displayed page to user space, not by the product's parser, so a
wrong crop box, rotation or box cannot agree with itself."""

import ctypes
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pypdfium2
import pypdfium2.raw as pdfium

SCALE = 100  # device pixels per point: pdfium maps whole pixels
# How pdfium writes bullets of symbol fonts and hyphens at the end of a line, and how they look.
LOOKS = str.maketrans("\uf0b7\uf0a7\uf0d8\uf0fc\x02\ufffe", "•▪➢✓--")
Place = Sequence[float]
Chars = tuple[list[str], npt.NDArray[np.float64]]


class Pages(Protocol):
    """The text that stands inside a box of a page; points from the top left of the page as displayed."""

    def text_in(self, page: int, box: Place) -> str:
        """Characters whose centre lies in the box, in the order of the page."""
        ...


class PdfPages:
    """Pages of a PDF file by pdfium."""

    def __init__(self, content: bytes) -> None:
        self._pdf = pypdfium2.PdfDocument(content)
        self._chars = lru_cache(maxsize=64)(self._read)

    def close(self) -> None:
        """Give the file back; pages cannot be read any more."""
        self._pdf.close()

    def text_in(self, page: int, box: Place) -> str:
        """The characters of the text layer inside the box."""
        chars, centres = self._chars(page)
        corners = [self._user_space(page, box[0], box[1]), self._user_space(page, box[2], box[3])]
        low, high = np.min(corners, axis=0), np.max(corners, axis=0)
        inside = np.all((centres >= low) & (centres <= high), axis=1)
        return "".join(chars[i] for i in np.flatnonzero(inside))

    def _user_space(self, page: int, x: float, y: float) -> tuple[float, float]:
        shown = self._pdf[page - 1]
        width, height = shown.get_size()
        out_x, out_y = ctypes.c_double(), ctypes.c_double()
        size = (round(width * SCALE), round(height * SCALE))
        at = (round(x * SCALE), round(y * SCALE))
        pdfium.FPDF_DeviceToPage(shown.raw, 0, 0, *size, 0, *at, ctypes.byref(out_x), ctypes.byref(out_y))
        return out_x.value, out_y.value

    def _read(self, page: int) -> Chars:
        text = self._pdf[page - 1].get_textpage()
        boxes = [text.get_charbox(i) for i in range(text.count_chars())]
        chars = [chr(pdfium.FPDFText_GetUnicode(text.raw, i)) for i in range(len(boxes))]
        sides = np.array(boxes, dtype=np.float64).reshape(-1, 4)
        return chars, np.stack([(sides[:, 0] + sides[:, 2]) / 2, (sides[:, 1] + sides[:, 3]) / 2], axis=1)


class VirtualPages:
    """Pages of a flow document: the stored lines of its blocks, as the API lists them."""

    def __init__(self, blocks: Sequence[Mapping[str, Any]]) -> None:
        self._lines = [(line, block["text"]) for block in blocks for line in block["lines"]]

    def text_in(self, page: int, box: Place) -> str:
        """The text of the lines whose centre lies in the box."""
        found = []
        for line, text in self._lines:
            x, y = (line["box"][0] + line["box"][2]) / 2, (line["box"][1] + line["box"][3]) / 2
            if line["page"] == page and box[0] <= x <= box[2] and box[1] <= y <= box[3]:
                found.append(text[line["start"] : line["end"]])
        return "\n".join(found)


def flat(text: str) -> str:
    """Compatibility form without blanks, control and format characters: what two readers of a page must agree on."""
    folded = unicodedata.normalize("NFKC", text.translate(LOOKS))
    return "".join(c for c in folded if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf"))


def problems(citation: Mapping[str, Any], chunk: Mapping[str, Any], pages: Pages) -> Iterator[str]:
    """What is wrong with a citation, nothing when it resolves. `chunk` is what the API shows: text and positions."""
    start, end, quote = citation["start"], citation["end"], citation["quote"]
    if not quote.strip() or chunk["text"][start:end] != quote:
        yield f"the stored text at {start}:{end} is {chunk['text'][start:end]!r}, not {quote!r}"
    held = [p for p in chunk["positions"] if p["page"] == citation["page"] and p["start"] < end and start < p["end"]]
    if [list(p["box"]) for p in held] != [list(box) for box in citation["boxes"]]:
        yield f"the boxes {citation['boxes']} are not those of the lines {held}"
    yield from _outside(citation["box"], citation["boxes"])
    unplaced = _unplaced(chunk["text"], start, end, held)
    if unplaced:
        yield f"{unplaced!r} of {quote!r} stands in no box"
    for place in held:
        part = chunk["text"][place["start"] : place["end"]]
        shown = pages.text_in(citation["page"], place["box"])
        if flat(part) not in flat(shown):
            yield f"page {citation['page']} has {shown!r} inside {list(place['box'])}, not {part!r}"


def _outside(whole: Place, boxes: Sequence[Place]) -> Iterator[str]:
    around = [min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)]
    if list(whole) != around:
        yield f"the box {list(whole)} does not enclose the lines {boxes}"


def _unplaced(text: str, start: int, end: int, held: Sequence[Mapping[str, Any]]) -> str:
    """The characters of the span in no position, without blanks and the bars between table cells."""
    spans = sorted((max(p["start"], start), min(p["end"], end)) for p in held)
    edges = [(start, start), *spans, (end, end)]
    gaps = "".join(text[a[1] : b[0]] for a, b in pairwise(edges) if a[1] < b[0])
    return re.sub(r"[\s|]", "", gaps)


def fonts_not_embedded(content: bytes) -> set[str]:
    """Names of the fonts that a PDF uses and does not carry."""
    missing = set()
    with pypdfium2.PdfDocument(content) as pdf:
        for item in (item for page in pdf for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT])):
            font = pdfium.FPDFTextObj_GetFont(item.raw)
            if pdfium.FPDFFont_GetIsEmbedded(font) != 1:
                name = ctypes.create_string_buffer(200)
                pdfium.FPDFFont_GetBaseFontName(font, name, 200)
                missing.add(name.value.decode("latin-1"))
    return missing


def page_texts(content: bytes) -> list[str]:
    """The text of each page."""
    with pypdfium2.PdfDocument(content) as pdf:
        return [page.get_textpage().get_text_range() for page in pdf]
