"""Which route a PDF page takes, with the measured values that decide it (spec P37-P43)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from shared.adapters.pdf_text import native
from shared.adapters.pdf_text.geometry import Frame
from shared.adapters.pdf_text.glyphs import page_text, read_glyphs
from shared.adapters.pdf_text.page import loaded
from shared.adapters.pdf_text.rules import read_drawing
from shared.domain.blocks import Page
from shared.domain.script_plausibility import is_plausible

VERSION = "bp-route-1"
LEAST_CHARS = 16  # P37, P39
MOST_BAD_SHARE = 0.02  # P37
MOST_DEGENERATE = 0.05  # P37
SCAN_COVER = 0.70  # P39
_SAMPLE = 200  # characters whose boxes are looked at
_GRID = 40  # cells a side, for the area that several images cover together


def survey_page(document: Any, number: int) -> Page:
    """Size, route (text, blank or ocr) and measured values of one page, counted from 1."""
    with loaded(document, number) as (page, frame):
        text_page = page.get_textpage()
        try:
            count = max(text_page.count_chars(), 0)
            handle = native.address_of(text_page.raw)
            text = page_text(handle, count)
            drawing = read_drawing(native.address_of(page.raw), frame, with_paths=False)
            cover = _cover(drawing.images, frame)
            visible = sum(map(len, text.split()))
            in_open = _chars_in_open(text_page, frame) if cover >= SCAN_COVER and visible else visible
            measured = {
                "router_version": VERSION,
                "chars": visible,
                "chars_in_open": in_open,
                "bad_share": round(_bad_share(text, visible), 4),
                "degenerate_share": round(_degenerate_share(handle, text), 4),
                "plausible": is_plausible(text),
                "image_cover": round(cover, 4),
                "objects": drawing.objects,
            }
        finally:
            text_page.close()
        size = (round(frame.width, 2), round(frame.height, 2))
    return Page(number=number, width=size[0], height=size[1], route=route_of(measured), measured=measured)


def route_of(measured: dict[str, Any]) -> str:
    """`text`, `blank` or `ocr` by the measured values."""
    if measured["chars_in_open"] >= LEAST_CHARS:
        is_good = (
            measured["bad_share"] <= MOST_BAD_SHARE
            and measured["degenerate_share"] <= MOST_DEGENERATE
            and measured["plausible"]
        )
        return "text" if is_good else "ocr"
    if measured["image_cover"] >= SCAN_COVER:
        return "ocr"
    if measured["chars"] == 0 and measured["objects"] == 0:
        return "blank"
    if measured["chars"] > 0 and measured["bad_share"] <= MOST_BAD_SHARE:
        return "text"  # a page number or a short title is all there is
    return "ocr" if measured["chars"] > 0 or measured["image_cover"] >= 0.05 else "blank"


def _bad_share(text: str, visible: int) -> float:
    """Share of replacement, private-use and control characters."""
    if not visible or text.isascii():
        return 0.0
    bad = sum(1 for c in text if c == "\ufffd" or "\ue000" <= c <= "\uf8ff" or ("\x7f" < c < "\xa0"))
    return bad / visible


def _degenerate_share(handle: int, text: str) -> float:
    """Share of boxes without area among at most 200 visible characters spread over the page."""
    inked = [i for i, c in enumerate(text) if not c.isspace()]
    if not inked:
        return 0.0
    chosen = inked[:: max(1, len(inked) // _SAMPLE)]
    buffer = np.zeros(4)
    at = buffer.ctypes.data
    flat = 0
    for index in chosen:
        native.char_box(handle, index, at, at + 16, at + 8, at + 24)
        flat += buffer[2] - buffer[0] < 0.01 and buffer[3] - buffer[1] < 0.01
    return flat / len(chosen)


def _cover(images: Sequence[tuple[float, float, float, float]], frame: Frame) -> float:
    """Share of the page that images cover together."""
    if not images:
        return 0.0
    grid = np.zeros((_GRID, _GRID), dtype=bool)
    for x0, y0, x1, y1 in images:
        left, right = (int(np.clip(round(x / frame.width * _GRID), 0, _GRID)) for x in (x0, x1))
        top, bottom = (int(np.clip(round(y / frame.height * _GRID), 0, _GRID)) for y in (y0, y1))
        grid[top:bottom, left:right] = True
    return float(grid.mean())


def _chars_in_open(text_page: Any, frame: Frame) -> int:
    """Characters that are painted visibly; the text behind or on a scan is not."""
    glyphs = read_glyphs(text_page, frame)
    return sum(len(word.text) for word in glyphs.plain + glyphs.turned + glyphs.white)
