"""What flow formats (DOCX, HTML, text) consist of before they are laid out on virtual pages (spec P55)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from shared.domain.numbering import MAX_LEVEL, heading_number

NAME_LENGTH = 40  # characters of a heading that names its section


@dataclass(frozen=True, slots=True)
class FlowCell:
    """A table cell; rows and columns count from 0."""

    row: int
    col: int
    row_span: int
    col_span: int
    text: str
    header: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowItem:
    """A paragraph, heading, list item, caption, furniture or table in reading order. `level` is of headings,
    `indent` the depth of a list item."""

    type: str
    text: str = ""
    level: int | None = None
    indent: int = 0
    cells: tuple[FlowCell, ...] = ()
    flags: tuple[str, ...] = ()
    locator: str = ""


def with_locators(items: Iterable[FlowItem]) -> Iterator[FlowItem]:
    """Give every item its place for people: "section 2.1, paragraph 4", "table 3".

    A section is called by the number in its heading ("9.4", "第五章 一"), in a numbered document by the heading itself
    where that has none; only where no heading has a number they are counted. Text before the first heading is in
    "section 0"."""
    listed = list(items)
    is_numbered = any(item.type == "heading" and heading_number(item.text) for item in listed)
    numbers, labels = [0] * MAX_LEVEL, [""] * MAX_LEVEL
    section, paragraph, table = "0", 0, 0
    for item in listed:
        if item.type == "heading":
            level = max(1, min(item.level or 1, MAX_LEVEL))
            numbers[level - 1] += 1
            numbers[level:] = [0] * (MAX_LEVEL - level)
            labels[level - 1 :] = [_label(item.text)] + [""] * (MAX_LEVEL - level)
            section = _name(item.text, labels[:level]) if is_numbered else _section(numbers)
            paragraph = 0
            yield replace(item, locator=f"section {section}")
        elif item.type == "table":
            table += 1
            yield replace(item, locator=f"table {table}")
        else:
            paragraph += 1
            yield replace(item, locator=f"section {section}, paragraph {paragraph}")


def _label(heading: str) -> str:
    """The number as written without its last stop; "" for a heading without one."""
    written = heading_number(heading)
    return written.label.strip(" .．、:：\u3000") if written else ""


def _name(heading: str, labels: Sequence[str]) -> str:
    """The last of the labels, after those of the levels above unless it is decimal and so names them itself; or the
    start of a heading without one in quotation marks."""
    own = labels[-1]
    if not own:
        return f'"{heading if len(heading) <= NAME_LENGTH else heading[: NAME_LENGTH - 1] + "…"}"'
    return own if own[0].isdigit() else " ".join(label for label in labels if label)


def _section(numbers: Sequence[int]) -> str:
    """2.1 for [2, 1, 0, ...]; levels that were skipped count as 0 inside and are left out at the end."""
    last = max((i for i, n in enumerate(numbers) if n), default=0)
    first = next((i for i, n in enumerate(numbers) if n), 0)
    return ".".join(str(n) for n in numbers[first : last + 1])
