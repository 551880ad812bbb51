"""Plain text and Markdown to flow items."""

import re
from collections.abc import Iterator
from io import StringIO
from itertools import chain, groupby, islice

from shared.domain.flow import FlowCell, FlowItem
from shared.domain.joining import clean, join_lines
from shared.domain.numbering import heading_number, list_label

_LONGEST_HEADING = 80
_ENDS_SENTENCE = re.compile(r"[。；;,，.!?！？:：]$")
_HASHES = re.compile(r"(#{1,6})\s+(.*?)\s*#*$")
_RULE_ROW = re.compile(r"\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")


def read_plain(text: str) -> Iterator[FlowItem]:
    """Paragraphs are separated by empty lines; a short numbered line alone is a heading. Reads no further than asked:
    a file of many megabytes is given up at the page limit."""
    for has_text, lines in groupby(StringIO(text), key=lambda line: bool(clean(line))):
        if not has_text:
            continue
        start = list(islice(lines, 2))
        first = clean(start[0])
        number = heading_number(first)
        is_short = len(first) <= _LONGEST_HEADING and not _ENDS_SENTENCE.search(first)
        if number is not None and is_short and (number.strong or len(start) == 1):
            yield FlowItem(type="heading", text=first, level=number.level)
            start = start[1:]
        part: list[str] = []
        for line in chain(start, lines):
            if list_label(clean(line)):
                yield from _paragraph(part)
                part = []
            part.append(line)
        yield from _paragraph(part)


def read_markdown(text: str) -> Iterator[FlowItem]:
    """Headings by #, lists, pipe tables; fenced code stays as it stands. Reads no further than asked."""
    lines = (line.rstrip("\n") for line in StringIO(text))
    part: list[str] = []
    line = next(lines, None)
    while line is not None:
        following = next(lines, None)
        hashes, fence = _HASHES.match(line), _FENCE.match(line)
        is_table = following is not None and "|" in line and "|" in following and bool(_RULE_ROW.match(following))
        plain = clean(_unmarked(line))
        if hashes or is_table or fence or not plain or list_label(plain):
            yield from _paragraph(part)
            part = []
        if hashes:
            yield FlowItem(type="heading", text=_unmarked(hashes.group(2)), level=len(hashes.group(1)))
        elif is_table:
            rows, following = [line], next(lines, None)
            while following is not None and "|" in following:
                rows.append(following)
                following = next(lines, None)
            yield _table(rows)
        elif plain and not fence:
            part.append(_unmarked(line))
        line = following
    yield from _paragraph(part)


def _paragraph(part: list[str]) -> Iterator[FlowItem]:
    """The lines joined as a paragraph, or as a list item when they open with a list mark; nothing without text."""
    text = join_lines([clean(line) for line in part]).text
    if list_label(text):
        yield FlowItem(type="list_item", text=text, indent=(len(part[0]) - len(part[0].lstrip())) // 2)
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
