"""What flow formats (DOCX, HTML, text) consist of before they are laid out on virtual pages (spec P55)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from shared.domain.numbering import MAX_LEVEL


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
    """Give every item its place for people: "section 2.1, paragraph 4", "table 3". Sections are counted from
    the headings; text before the first heading is in "section 0"."""
    numbers = [0] * MAX_LEVEL
    paragraph = table = 0
    for item in items:
        if item.type == "heading":
            level = max(1, min(item.level or 1, MAX_LEVEL))
            numbers[level - 1] += 1
            numbers[level:] = [0] * (MAX_LEVEL - level)
            paragraph = 0
            yield replace(item, locator=f"section {_section(numbers)}")
        elif item.type == "table":
            table += 1
            yield replace(item, locator=f"table {table}")
        else:
            paragraph += 1
            yield replace(item, locator=f"section {_section(numbers)}, paragraph {paragraph}")


def _section(numbers: Sequence[int]) -> str:
    """2.1 for [2, 1, 0, ...]; levels that were skipped count as 0 inside and are left out at the end."""
    last = max((i for i, n in enumerate(numbers) if n), default=0)
    first = next((i for i, n in enumerate(numbers) if n), 0)
    return ".".join(str(n) for n in numbers[first : last + 1])
