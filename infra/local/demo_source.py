"""Read the plain-text sources of the demo documents: front matter, headings, tables, form lines, includes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["heading", "paragraph", "item", "field", "table", "caption", "break", "space"]
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
_CHINESE_END = re.compile(r"[\u2e80-\u9fff\uff00-\uffef]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One piece of a document. `level` counts headings from 1; `label` belongs to a form line; `rows` to a
    table, whose first row is its header; `widths` are relative column widths; `points` is empty height."""

    kind: Kind
    text: str = ""
    level: int = 0
    label: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    widths: tuple[float, ...] = ()
    points: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document to render: `meta` is its front matter, `elements` its body in order."""

    path: Path
    meta: dict[str, str]
    elements: tuple[Element, ...]

    @property
    def language(self) -> str:
        """`en` or `zh`, from the front matter."""
        return self.meta["language"]


@dataclass(slots=True)
class _Body:
    """What has been read so far, with the paragraph and table that are still open."""

    elements: list[Element] = field(default_factory=list)
    paragraph: list[str] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    widths: tuple[float, ...] = ()

    def close(self) -> None:
        """Turn the open paragraph or table into an element."""
        if self.paragraph:
            self.elements.append(Element(kind="paragraph", text=_joined(self.paragraph)))
        if self.rows:
            widths = self.widths or tuple(1.0 for _ in self.rows[0])
            self.elements.append(Element(kind="table", rows=tuple(self.rows), widths=widths))
            self.widths = ()
        self.paragraph, self.rows = [], []


def read_source(path: Path) -> Source:
    """Parse one source file; raises KeyError for a variable that the front matter does not define and
    ValueError for a table row with the wrong number of cells."""
    meta, lines = _front_matter(path.read_text("utf-8"))
    body = _Body()
    for line in _lines(lines, path.parent):
        _take(body, _VARIABLE.sub(lambda match: meta[match.group(1)], line))
    body.close()
    return Source(path=path, meta=meta, elements=tuple(body.elements))


def _front_matter(text: str) -> tuple[dict[str, str], list[str]]:
    _, head, body = text.split("---\n", 2)
    pairs = (line.partition(":") for line in head.splitlines() if line.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}, body.splitlines()


def _lines(lines: list[str], folder: Path) -> Iterator[str]:
    """The lines with `!include file` replaced by the lines of that file, relative to the including one."""
    for line in lines:
        if line.startswith("!include "):
            included = folder / line.removeprefix("!include ").strip()
            yield ""
            yield from _lines(included.read_text("utf-8").splitlines(), included.parent)
            yield ""
        else:
            yield line.rstrip()


def _take(body: _Body, line: str) -> None:
    """Add one line; anything that is neither plain text nor a table row closes what was open."""
    if line.startswith("|"):
        cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
        if body.rows and len(cells) != len(body.rows[0]):
            raise ValueError(f"{len(cells)} cells under a header of {len(body.rows[0])}: {line}")
        body.rows.append(cells)
        return
    element = _marked(line)
    if element is None and line.strip() and not line.startswith("!table "):
        body.paragraph.append(line.strip())
        return
    body.close()
    if line.startswith("!table "):
        body.widths = tuple(float(width) for width in line.removeprefix("!table ").split(","))
    elif element is not None:
        body.elements.append(element)


def _marked(line: str) -> Element | None:
    """The element of a line that starts with a mark, None for plain text and empty lines."""
    mark, _, rest = line.partition(" ")
    rest = rest.strip()
    if mark and set(mark) == {"#"}:
        return Element(kind="heading", level=len(mark), text=rest)
    if mark == "-":
        return Element(kind="item", text=rest)
    if mark == "=":
        label, _, value = rest.partition("::")
        return Element(kind="field", label=label.strip(), text=value.strip())
    if mark == "!caption":
        return Element(kind="caption", text=rest)
    if mark == "!space":
        return Element(kind="space", points=float(rest))
    if mark == "!break":
        return Element(kind="break")
    return None


def _joined(lines: list[str]) -> str:
    """Source lines as one paragraph: no space after a Chinese character (spec P62)."""
    text = lines[0]
    for line in lines[1:]:
        text += line if _CHINESE_END.search(text) else f" {line}"
    return text
