"""Plain ctypes entry points of pdfium for calls made once per character, where a call's cost decides the speed.

Each prototype takes integer addresses instead of ctypes objects: about a third of the time of pypdfium2.raw.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import pypdfium2.raw as pdfium

_INT, _PTR, _UINT = ctypes.c_int, ctypes.c_void_p, ctypes.c_uint


def _entry(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    address = ctypes.cast(getattr(pdfium, name), ctypes.c_void_p).value
    if address is None:
        raise ImportError(f"pdfium lacks {name}")
    return ctypes.PYFUNCTYPE(result, *arguments)(address)


char_box = _entry("FPDFText_GetCharBox", _INT, _PTR, _INT, _PTR, _PTR, _PTR, _PTR)
char_unicode = _entry("FPDFText_GetUnicode", _UINT, _PTR, _INT)
char_object = _entry("FPDFText_GetTextObject", _PTR, _PTR, _INT)
char_matrix = _entry("FPDFText_GetMatrix", _INT, _PTR, _INT, _PTR)
char_font_size = _entry("FPDFText_GetFontSize", ctypes.c_double, _PTR, _INT)
char_origin = _entry("FPDFText_GetCharOrigin", _INT, _PTR, _INT, _PTR, _PTR)
char_fill = _entry("FPDFText_GetFillColor", _INT, _PTR, _INT, _PTR, _PTR, _PTR, _PTR)
get_text = _entry("FPDFText_GetText", _INT, _PTR, _INT, _INT, _PTR)
object_font = _entry("FPDFTextObj_GetFont", _PTR, _PTR)
object_render_mode = _entry("FPDFTextObj_GetTextRenderMode", _INT, _PTR)
font_weight = _entry("FPDFFont_GetWeight", _INT, _PTR)
font_name = _entry("FPDFFont_GetBaseFontName", ctypes.c_size_t, _PTR, _PTR, ctypes.c_size_t)
count_objects = _entry("FPDFPage_CountObjects", _INT, _PTR)
page_object = _entry("FPDFPage_GetObject", _PTR, _PTR, _INT)
object_type = _entry("FPDFPageObj_GetType", _INT, _PTR)
object_bounds = _entry("FPDFPageObj_GetBounds", _INT, _PTR, _PTR, _PTR, _PTR, _PTR)
object_matrix = _entry("FPDFPageObj_GetMatrix", _INT, _PTR, _PTR)
form_count = _entry("FPDFFormObj_CountObjects", _INT, _PTR)
form_object = _entry("FPDFFormObj_GetObject", _PTR, _PTR, ctypes.c_ulong)
path_draw_mode = _entry("FPDFPath_GetDrawMode", _INT, _PTR, _PTR, _PTR)
path_count = _entry("FPDFPath_CountSegments", _INT, _PTR)
path_segment = _entry("FPDFPath_GetPathSegment", _PTR, _PTR, _INT)
segment_point = _entry("FPDFPathSegment_GetPoint", _INT, _PTR, _PTR, _PTR)
segment_type = _entry("FPDFPathSegment_GetType", _INT, _PTR)
object_fill = _entry("FPDFPageObj_GetFillColor", _INT, _PTR, _PTR, _PTR, _PTR, _PTR)


def address_of(handle: Any) -> int:
    """The address behind a pypdfium2 handle (document, page, text page)."""
    value = ctypes.cast(handle, ctypes.c_void_p).value
    if value is None:
        raise ValueError("the handle is closed")
    return value
