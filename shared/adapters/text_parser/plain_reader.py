"""Plain text and Markdown to flow items."""

import re
from collections.abc import Iterator

from shared.domain.flow import FlowCell, FlowItem
from shared.domain.joining import clean, join_lines
from shared.domain.numbering import heading_number, list_label

_LONGEST_HEADING = 80
_ENDS_SENTENCE = re.compile(r"[。；;,，.!?！？:：]$")
_HASHES = re.compile(r"(#{1,6})\s+(.*?)\s*#*$")
_RULE_ROW = re.compile(r"\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")


def read_plain(text: str) -> list[FlowItem]:
    """Paragraphs are separated by empty lines; a short numbered line alone is a heading."""
    items = []
    for lines in _groups(text.split("\n")):
        first = clean(lines[0])
        number = heading_number(first)
        is_short = len(first) <= _LONGEST_HEADING and not _ENDS_SENTENCE.search(first)
        if number is not None and is_short and (number.strong or len(lines) == 1):
            items.append(FlowItem(type="heading", text=first, level=number.level))
            lines = lines[1:]
        items += _paragraphs(lines)
    return items


def read_markdown(text: str) -> list[FlowItem]:
    """Headings by #, lists, pipe tables; fenced code stays as it stands."""
    items: list[FlowItem] = []
    lines = text.split("\n")
    pending: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        hashes = _HASHES.match(line)
        is_table = (
            "|" in line and index + 1 < len(lines) and "|" in lines[index + 1] and _RULE_ROW.match(lines[index + 1])
        )
        if hashes or is_table or _FENCE.match(line):
            items += [item for group in _groups(pending) for item in _paragraphs(group)]
            pending = []
        if hashes:
            items.append(FlowItem(type="heading", text=_unmarked(hashes.group(2)), level=len(hashes.group(1))))
        elif is_table:
            end = next((i for i in range(index + 2, len(lines)) if "|" not in lines[i]), len(lines))
            items.append(_table([line, *lines[index + 2 : end]]))
            index = end
            continue
        elif not _FENCE.match(line):
            pending.append(_unmarked(line))
        index += 1
    return items + [item for group in _groups(pending) for item in _paragraphs(group)]


def _groups(lines: list[str]) -> Iterator[list[str]]:
    """Runs of lines between empty ones."""
    group: list[str] = []
    for line in [*lines, ""]:
        if clean(line):
            group.append(line)
        elif group:
            yield group
            group = []


def _paragraphs(lines: list[str]) -> Iterator[FlowItem]:
    """Lines joined; a list mark opens an item of its own."""
    parts: list[list[str]] = []
    for line in lines:
        if not parts or list_label(clean(line)):
            parts.append([])
        parts[-1].append(line)
    for part in parts:
        text = join_lines([clean(line) for line in part]).text
        indent = (len(part[0]) - len(part[0].lstrip())) // 2
        if list_label(text):
            yield FlowItem(type="list_item", text=text, indent=indent)
        elif text:
            yield FlowItem(type="paragraph", text=text)


def _unmarked(line: str) -> str:
    return _EMPHASIS.sub(r"\2", line)


def _table(lines: list[str]) -> FlowItem:
    cells = []
    for row, line in enumerate(lines):
        texts = re.split(r"(?<!\\)\|", line.strip().strip("|"))
        cells += [FlowCell(row, col, 1, 1, clean(_unmarked(t)), row == 0) for col, t in enumerate(texts)]
    return FlowItem(type="table", cells=tuple(cells))
