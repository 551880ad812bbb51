"""HTML to flow items with the standard library's parser: no scripts, no network, no entities from outside."""

import re
from dataclasses import replace
from html.parser import HTMLParser

from shared.domain.flow import FlowCell, FlowItem
from shared.domain.joining import clean

_SKIPPED = frozenset({"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "select"})
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_BLOCKS = frozenset(
    "address article aside blockquote body center dd div dl dt fieldset figure footer form header hr html main nav ol "
    "p pre section table tbody td tfoot th thead tr ul".split()
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*[01](?:\.\d+)?(?:px|pt)", re.I)
_BREAK = "\n"
_MOST_SPAN = 1000


class HtmlReader(HTMLParser):
    """Feed it a document, then take `finish()`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._items: list[FlowItem] = []
        self._text: list[str] = []
        self._current = FlowItem(type="paragraph")
        self._open: list[tuple[str, bool]] = []
        self._skip = 0
        self._lists = 0
        self._tables: list[_Table] = []

    def finish(self) -> list[FlowItem]:
        """All items in order; hidden ones are flagged."""
        self.close()
        self._flush()
        while self._tables:
            self._end_table()
        return self._items

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        if tag in _SKIPPED:
            self._skip += 1
        if self._skip or tag == "head":
            return
        values = dict(attrs)
        if tag == "br":
            self._text.append(_BREAK)
        if tag in _VOID:
            return
        is_hidden = "hidden" in values or bool(_HIDDEN.search(values.get("style") or ""))
        if is_hidden or tag in _BLOCKS or tag in ("li", "caption", "figcaption") or re.fullmatch("h[1-6]", tag):
            self._flush()
        self._open.append((tag, is_hidden))
        self._start(tag, values)

    def handle_endtag(self, tag: str) -> None:
        """Close an element and everything left open inside it."""
        if tag in _SKIPPED:
            self._skip = max(0, self._skip - 1)
            return
        if self._skip or tag not in (name for name, _ in self._open):
            return
        while self._open:
            name, was_hidden = self._open[-1]
            if was_hidden or name in _BLOCKS or name in ("li", "caption", "figcaption") or name[1:].isdigit():
                self._flush()
            self._open.pop()
            self._end(name)
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        """Take text, blanks and newlines as one blank unless preformatted."""
        if self._skip or any(name == "title" for name, _ in self._open):
            return
        is_pre = any(name == "pre" for name, _ in self._open)
        self._text.append(data if is_pre else re.sub(r"\s+", " ", data))

    def _start(self, tag: str, values: dict[str, str | None]) -> None:
        if tag == "table":
            self._tables.append(_Table())
        elif tag in ("ul", "ol"):
            self._lists += 1
        elif tag == "li":
            self._current = FlowItem(type="list_item", indent=max(self._lists - 1, 0))
        elif tag in ("caption", "figcaption"):
            self._current = FlowItem(type="caption")
        elif len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self._current = FlowItem(type="heading", level=int(tag[1]))
        elif self._tables and tag == "tr":
            self._tables[-1].next_row()
        elif self._tables and tag in ("td", "th"):
            self._flush()
            self._tables[-1].open_cell(tag == "th", _span(values.get("colspan")), _span(values.get("rowspan")))

    def _end(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            self._lists = max(0, self._lists - 1)
        elif tag in ("td", "th") and self._tables:
            self._flush()
            self._tables[-1].close_cell()
        elif tag == "table" and self._tables:
            self._end_table()

    def _flush(self) -> None:
        """End the current paragraph; inside a cell its text goes to the cell."""
        text = "\n".join(clean(line) for line in "".join(self._text).split(_BREAK)).strip()
        self._text = []
        current, self._current = self._current, FlowItem(type="paragraph")
        if not text:
            return
        flags = ("hidden",) if any(is_hidden for _, is_hidden in self._open) else ()
        if self._tables and self._tables[-1].is_open and not flags:
            self._tables[-1].add(text)
        else:
            self._items.append(replace(current, text=text, flags=flags))

    def _end_table(self) -> None:
        cells = tuple(self._tables.pop().cells)
        text = " ".join(c.text for c in cells if c.text)
        if self._tables and self._tables[-1].is_open:
            self._tables[-1].add(text)
        elif text:
            flags = ("hidden",) if any(is_hidden for _, is_hidden in self._open) else ()
            self._items.append(FlowItem(type="table", cells=cells, flags=flags))


class _Table:
    """Places cells in rows and columns, spans considered."""

    def __init__(self) -> None:
        self.cells: list[FlowCell] = []
        self.is_open = False
        self._row = -1
        self._taken: set[tuple[int, int]] = set()
        self._pending = FlowCell(0, 0, 1, 1, "")

    def next_row(self) -> None:
        self.close_cell()
        self._row += 1

    def open_cell(self, header: bool, col_span: int, row_span: int) -> None:
        self.close_cell()
        row, col = max(self._row, 0), 0
        while (row, col) in self._taken:
            col += 1
        self._taken.update((row + r, col + c) for r in range(row_span) for c in range(col_span))
        self._pending = FlowCell(row, col, row_span, col_span, "", header)
        self.is_open = True

    def add(self, text: str) -> None:
        joined = " ".join(part for part in (self._pending.text, text.replace("\n", " ")) if part)
        self._pending = replace(self._pending, text=joined)

    def close_cell(self) -> None:
        if self.is_open:
            self.cells.append(self._pending)
            self.is_open = False


def _span(value: str | None) -> int:
    return min(max(int(value), 1), _MOST_SPAN) if value and value.strip().isdigit() else 1


def read_html(text: str) -> list[FlowItem]:
    """Items of an HTML document or fragment."""
    reader = HtmlReader()
    reader.feed(text)
    return reader.finish()
