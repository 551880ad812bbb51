"""What is typical of a document: body size, larger sizes, running headers and footers, outline titles."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.adapters.pdf_text.lines import TextLine

SAMPLE_PAGES = 16
LARGER = 1.12  # of the body size: a heading's size
_EDGE = 0.12  # of the page height: where running headers and footers stand
_LEAST_REPEATS = 3
_DIGITS = re.compile(r"\d+")
_BLANKS = re.compile(r"\s+")
_PAGE_NUMBER = re.compile(
    r"[-–—\s]*(?:\d{1,4}|[ivxlc]{1,6})[-–—\s]*|第?\s*\d+\s*页(?:[,，/\s]*共\s*\d+\s*页)?|(?:Page|p\.)\s*\d+(?:\s*(?:of|/)\s*\d+)?"
    r"|\d+\s*(?:of|/)\s*\d+",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Profile:
    """`outline` maps (page, title without blanks) to levels from 1; `furniture` holds keys of running lines."""

    body_size: float
    body_bold: bool
    heading_sizes: tuple[float, ...]
    furniture: frozenset[tuple[str, int]]
    outline: Mapping[tuple[int, str], int]

    def outline_level(self, page: int, text: str) -> int | None:
        """The level of a line that a bookmark names and leads to: a table of contents only names it."""
        return self.outline.get((page, outline_key(text)))

    def is_furniture(self, line: TextLine, page_height: float) -> bool:
        """Whether a line is a running header, footer or page number."""
        if not at_edge(line, page_height):
            return False
        if _PAGE_NUMBER.fullmatch(line.text) is not None or furniture_key(line) in self.furniture:
            return True
        # The foot of the first page often stands a little higher or lower; at the head that could be the title.
        is_foot = line.y0 > page_height * (1 - _EDGE)
        return is_foot and any(furniture_key(line)[0] == text for text, _ in self.furniture)


def outline_key(title: str) -> str:
    """The form in which titles are compared."""
    return _BLANKS.sub("", title).lower()


def at_edge(line: TextLine, page_height: float) -> bool:
    """Whether a line stands in the top or bottom edge of its page."""
    return line.y1 < page_height * _EDGE or line.y0 > page_height * (1 - _EDGE)


def furniture_key(line: TextLine) -> tuple[str, int]:
    """What equal running lines share: the text with figures masked, and the height on the page."""
    return _DIGITS.sub("#", line.text), round(line.base / 8)


Lines = Sequence[tuple[float, Sequence[TextLine]]]


def make_profile(sample: Lines, outline: Mapping[tuple[int, str], int], nearby: Lines) -> Profile:
    """Measure sizes on the (page height, lines) of sample pages, running lines on those of nearby pages."""
    weights: Counter[tuple[float, bool]] = Counter()
    for _, lines in sample:
        for line in lines:
            weights[(round(line.size, 1), line.bold)] += len(line.text)
    repeats: Counter[tuple[str, int]] = Counter()
    for height, lines in nearby:
        repeats.update({furniture_key(line) for line in lines if at_edge(line, height)})
    sizes: Counter[float] = Counter()
    for (size, _), weight in weights.items():
        sizes[size] += weight
    body = max(sizes, key=lambda s: (sizes[s], -s)) if sizes else 10.0
    bold = weights[(body, True)] > weights[(body, False)]
    larger = sorted({size for size in sizes if size >= LARGER * body}, reverse=True)
    least = max(2, min(_LEAST_REPEATS, len(nearby)))
    furniture = frozenset(key for key, count in repeats.items() if count >= least)
    return Profile(body, bold, tuple(larger), furniture, outline)


def sample_numbers(pages: int) -> list[int]:
    """Up to 16 page numbers spread evenly over the document: the same for every range of it."""
    if pages <= SAMPLE_PAGES:
        return list(range(1, pages + 1))
    return sorted({1 + round(i * (pages - 1) / (SAMPLE_PAGES - 1)) for i in range(SAMPLE_PAGES)})
