"""Vector lines and filled areas of a page: the rules that draw tables (spec P42)."""

import ctypes
from dataclasses import dataclass, field

from shared.adapters.pdf_text import native
from shared.adapters.pdf_text.geometry import Frame

_PATH, _IMAGE, _FORM = 2, 3, 5
_THIN = 2.5  # points: a filled box this thin is a rule
_MOST_SEGMENTS = 40
_MOST_DEPTH = 3
Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(slots=True)
class Drawing:
    """Displayed coordinates. `rules` are (x0, y0, x1, y1) of thin lines, `fills` of dark or coloured areas,
    `images` of pictures with the index of the object among its page's objects."""

    rules: list[tuple[float, float, float, float]] = field(default_factory=list)
    fills: list[tuple[float, float, float, float]] = field(default_factory=list)
    images: list[tuple[float, float, float, float]] = field(default_factory=list)
    objects: int = 0


def read_drawing(page: int, frame: Frame, *, with_paths: bool = True) -> Drawing:
    """Walk the page's objects, forms included to a depth of 3."""
    reader = _Reader(frame, with_paths)
    count = native.count_objects(page)
    for index in range(count):
        reader.read(native.page_object(page, index), _IDENTITY, 0)
    reader.drawing.objects = count
    return reader.drawing


class _Reader:
    def __init__(self, frame: Frame, with_paths: bool) -> None:
        self.drawing = Drawing()
        self._frame = frame
        self._with_paths = with_paths
        self._floats = (ctypes.c_float * 6)()
        self._address = ctypes.addressof(self._floats)
        self._ints = (ctypes.c_uint * 4)()
        self._ints_address = ctypes.addressof(self._ints)

    def read(self, handle: int, matrix: Matrix, depth: int) -> None:
        kind = native.object_type(handle)
        if kind == _PATH and self._with_paths:
            self._path(handle, matrix)
        elif kind == _IMAGE:
            self.drawing.images.append(self._bounds(handle, matrix))
        elif kind == _FORM and depth < _MOST_DEPTH:
            native.object_matrix(handle, self._address)
            inner = _multiply(tuple(self._floats), matrix)
            for index in range(max(native.form_count(handle), 0)):
                self.read(native.form_object(handle, index), inner, depth + 1)

    def _bounds(self, handle: int, matrix: Matrix) -> tuple[float, float, float, float]:
        at = self._address
        native.object_bounds(handle, at, at + 4, at + 8, at + 12)
        left, bottom, right, top = self._floats[:4]
        return self._display([(left, bottom), (right, top)], matrix)

    def _display(self, points: list[tuple[float, float]], matrix: Matrix) -> tuple[float, float, float, float]:
        a, b, c, d, e, f = matrix
        shown = [self._frame.shown(a * x + c * y + e, b * x + d * y + f) for x, y in points]
        xs, ys = [p[0] for p in shown], [p[1] for p in shown]
        return min(xs), min(ys), max(xs), max(ys)

    def _path(self, handle: int, matrix: Matrix) -> None:
        at = self._ints_address
        native.path_draw_mode(handle, at, at + 4)
        filled, stroked = self._ints[0], self._ints[1]
        if not filled and not stroked:
            return
        x0, y0, x1, y1 = self._bounds(handle, matrix)
        if min(x1 - x0, y1 - y0) <= _THIN:
            self.drawing.rules.append((x0, y0, x1, y1))
            return
        if filled:
            native.object_fill(handle, at, at + 4, at + 8, at + 12)
            if min(self._ints[:3]) < 245 and self._ints[3] > 0:
                self.drawing.fills.append((x0, y0, x1, y1))
        if stroked:
            self._edges(handle, matrix)

    def _edges(self, handle: int, matrix: Matrix) -> None:
        """The straight horizontal and vertical pieces of a stroked path."""
        count = native.path_count(handle)
        if count > _MOST_SEGMENTS:
            return
        last: tuple[float, float] | None = None
        first: tuple[float, float] | None = None
        native.object_matrix(handle, self._address)
        whole = _multiply(tuple(self._floats), matrix)
        for index in range(count):
            segment = native.path_segment(handle, index)
            native.segment_point(segment, self._address, self._address + 4)
            point = (self._floats[0], self._floats[1])
            kind = native.segment_type(segment)
            if kind == 2:
                first = point
            elif kind == 0 and last is not None:
                self._edge(last, point, whole)
            last = point
        if first is not None and last is not None and count >= 4 and first != last:
            self._edge(last, first, whole)

    def _edge(self, start: tuple[float, float], end: tuple[float, float], matrix: Matrix) -> None:
        x0, y0, x1, y1 = self._display([start, end], matrix)
        if min(x1 - x0, y1 - y0) <= 0.5:
            self.drawing.rules.append((x0, y0, x1, y1))


def _multiply(inner: Matrix, outer: Matrix) -> Matrix:
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)
