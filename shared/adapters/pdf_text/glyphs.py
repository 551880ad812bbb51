"""Characters of a page as words with box, baseline, size and weight; hidden and turned text set apart (spec P45)."""

import ctypes
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shared.adapters.pdf_text import native
from shared.adapters.pdf_text.geometry import Floats, Frame

SMALLEST_SIZE = 2.0  # below this text is hidden (P45)
_SPLIT_GAP = 0.6  # of the font size: a wider gap inside a run ends the word
_SPLIT_RISE = 0.75  # of the font size: a larger jump of the middle ends the word
_BLANK = np.zeros(0x110000, dtype=bool)
_BLANK[[9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x1680, 0x202F, 0x205F, 0x3000, 0x200B, 0xFEFF]] = True
_BLANK[0x2000:0x200B] = True
# Hyphens that pdfium marks at line ends, and the bullets that Word writes as private-use characters of symbol fonts.
_READABLE = str.maketrans(
    {"\ufffe": "-", "\x02": "-", "\x00": "\ufffd", "\uf0b7": "•", "\uf0a7": "▪", "\uf0d8": "➢", "\uf0fc": "✓"}
)
Ints = npt.NDArray[np.int64]


class Word(NamedTuple):
    """A run without blanks: displayed box and baseline in points, its characters start..end on the page."""

    x0: float
    y0: float
    x1: float
    y1: float
    base: float
    text: str
    size: float
    bold: bool
    start: int
    end: int


class Style(NamedTuple):
    """What all characters of one text object share. `kind` is plain, turned, hidden or white."""

    size: float
    bold: bool
    kind: str


@dataclass(slots=True)
class PageGlyphs:
    """The words of one page by kind; `white` ones are hidden unless something dark lies behind them."""

    plain: list[Word] = field(default_factory=list)
    turned: list[Word] = field(default_factory=list)
    hidden: list[Word] = field(default_factory=list)
    white: list[Word] = field(default_factory=list)


def page_text(text_page: int, count: int) -> str:
    """The page's characters, one readable code point per pdfium character."""
    if not count:
        return ""
    units = (ctypes.c_uint16 * (count + 1))()
    written = native.get_text(text_page, 0, count, ctypes.addressof(units))
    if written == count + 1:
        text = bytes(units)[: 2 * count].decode("utf-16-le", "surrogatepass")
        if len(text) == count and not any("\ud800" <= c <= "\udfff" for c in text):
            return text.translate(_READABLE)
    codes = (native.char_unicode(text_page, i) for i in range(count))
    return "".join(chr(c) if c < 0xD800 or 0xDFFF < c < 0x110000 else "\ufffd" for c in codes).translate(_READABLE)


def char_boxes(text_page: int, count: int) -> Floats:
    """User space boxes (n, 4): left, bottom, right, top."""
    boxes = np.zeros((count, 4))
    read, address = native.char_box, boxes.ctypes.data
    for index in range(count):
        read(text_page, index, address, address + 16, address + 8, address + 24)
        address += 32
    return boxes


class StyleReader:
    """Reads and remembers the style per text object of one page."""

    def __init__(self, text_page: int, rotation: int) -> None:
        self._page = text_page
        self._rotation = rotation
        self._styles: dict[int | None, Style] = {}
        self._bold_fonts: dict[int, bool] = {}
        self._matrix = (ctypes.c_float * 6)()
        self._numbers = (ctypes.c_uint * 4)()

    def style(self, index: int) -> Style:
        """The style of the character at an index."""
        handle = native.char_object(self._page, index)
        found = self._styles.get(handle)
        if found is None:
            found = self._styles[handle] = self._read(handle, index)
        return found

    def _read(self, handle: int | None, index: int) -> Style:
        native.char_matrix(self._page, index, ctypes.addressof(self._matrix))
        a, b, c, d = self._matrix[:4]
        size = native.char_font_size(self._page, index) * math.hypot(c, d)
        turn = (math.degrees(math.atan2(b, a)) - self._rotation) % 360
        kind = "plain" if turn < 3 or turn > 357 else "turned"
        if handle is None:
            return Style(size, False, kind)
        mode = native.object_render_mode(handle)
        if size < SMALLEST_SIZE or mode in (3, 7):
            kind = "hidden"
        elif mode in (0, 4) and self._is_white(index):
            kind = "white"
        return Style(size, self._is_bold(handle), kind)

    def _is_white(self, index: int) -> bool:
        address = ctypes.addressof(self._numbers)
        found = native.char_fill(self._page, index, address, address + 4, address + 8, address + 12)
        return bool(found) and (min(self._numbers[:3]) >= 250 or self._numbers[3] == 0)

    def _is_bold(self, handle: int) -> bool:
        font = native.object_font(handle)
        if font not in self._bold_fonts:
            name = ctypes.create_string_buffer(128)
            native.font_name(font, ctypes.addressof(name), 128)
            words = name.value.lower()
            named = any(w in words for w in (b"bold", b"black", b"heavy", b"simhei", b"-bd", b"demi"))
            self._bold_fonts[font] = named or native.font_weight(font) >= 600
        return self._bold_fonts[font]


def read_glyphs(text_page: Any, frame: Frame) -> PageGlyphs:
    """All words of a page. `text_page` is a pypdfium2 text page; boxes are displayed coordinates."""
    count = text_page.count_chars()
    found = PageGlyphs()
    if count <= 0:
        return found
    handle = native.address_of(text_page.raw)
    text = page_text(handle, count)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    inked = ~_BLANK[codes]
    if not inked.any():
        return found
    boxes = frame.boxes(char_boxes(handle, count))
    reader = StyleReader(handle, frame.rotation)
    starts = np.flatnonzero(inked & ~np.concatenate(([False], inked[:-1])))
    styles = [reader.style(i) for i in starts.tolist()]
    owner = np.cumsum(np.bincount(starts, minlength=count)) - 1
    starts = _split_runs(boxes, inked, starts, np.array([s.size for s in styles])[owner], owner, styles)
    ends = _ends(inked, starts)
    owners = owner[starts].tolist()
    extents = _extents(boxes, starts, ends)
    bases = _baselines(handle, frame, starts.tolist())
    shelves = {"plain": found.plain, "turned": found.turned, "hidden": found.hidden, "white": found.white}
    for (x0, y0, x1, y1), base, start, end, own in zip(
        extents, bases, starts.tolist(), ends.tolist(), owners, strict=True
    ):
        style = styles[own]
        word = Word(x0, y0, x1, y1, base, text[start:end], style.size, style.bold, start, end)
        inside = 0 <= (x0 + x1) / 2 <= frame.width and 0 <= (y0 + y1) / 2 <= frame.height
        shelves[style.kind if inside else "hidden"].append(word)
    return found


def _split_runs(
    boxes: Floats, inked: npt.NDArray[np.bool_], starts: Ints, sizes: Floats, owner: Ints, styles: list[Style]
) -> Ints:
    """Add the places where a run jumps: wide gap, new line or step back (turned text is left whole)."""
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    gap = boxes[1:, 0] - boxes[:-1, 2]
    size = np.maximum(sizes[1:], 1.0)
    jump = (gap > _SPLIT_GAP * size) | (gap < -1.5 * size) | (np.abs(np.diff(middle)) > _SPLIT_RISE * size)
    upright = np.array([s.kind != "turned" for s in styles])[owner[1:]]
    extra = np.flatnonzero(jump & upright & inked[1:] & inked[:-1]) + 1
    merged: Ints = np.union1d(starts, extra)
    return merged


def _ends(inked: npt.NDArray[np.bool_], starts: Ints) -> Ints:
    """Where each word ends: at the next blank or the next word."""
    blanks = np.append(np.flatnonzero(~inked), len(inked))
    next_blank = blanks[np.searchsorted(blanks, starts)]
    ends: Ints = np.minimum(next_blank, np.append(starts[1:], len(inked)))
    return ends


def _extents(boxes: Floats, starts: Ints, ends: Ints) -> list[list[float]]:
    """The enclosing box of each word."""
    padded = np.vstack([boxes, boxes[-1:]])
    edges = np.stack([starts, ends], axis=1).ravel()
    least = np.minimum.reduceat(padded, edges)[::2]
    most = np.maximum.reduceat(padded, edges)[::2]
    return np.hstack([least[:, :2], most[:, 2:]]).tolist()  # type: ignore[no-any-return]


def _baselines(text_page: int, frame: Frame, starts: list[int]) -> list[float]:
    """The displayed y of each word's first glyph origin."""
    points = np.zeros((len(starts), 2))
    address = points.ctypes.data
    for start in starts:
        native.char_origin(text_page, start, address, address + 8)
        address += 16
    return frame.shown(points[:, 0], points[:, 1])[1].tolist()  # type: ignore[no-any-return]
