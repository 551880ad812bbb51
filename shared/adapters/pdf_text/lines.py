"""Words to rows and rows to text lines."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.adapters.pdf_text.glyphs import Word
from shared.domain.joining import clean, separator

Row = list[Word]
TABLE_MARK = "\x00"  # the text of a pseudo word that stands for a ruled table, followed by its index
_SAME_BASELINE = 0.25  # of the font size, for words of one size: cells set half a line apart are no row
_RAISED = 0.5  # of the larger font size, for words of two sizes: super- and subscripts stay in their row
_ONE_SIZE = 0.85  # sizes whose ratio is at least this are one


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of words read left to right, displayed coordinates in points. `widest_gap` is the widest white
    space between two of its words."""

    x0: float
    y0: float
    x1: float
    y1: float
    base: float
    text: str
    size: float
    bold: bool
    widest_gap: float


def rows_of(words: Sequence[Word]) -> list[Row]:
    """Group words by baseline, top to bottom, each row left to right; a table is a row of its own."""
    rows: list[Row] = []
    base = size = 0.0
    for word in sorted(words, key=lambda w: (w.base, w.x0)):
        alone = word.text[0] == TABLE_MARK
        if rows and not alone and size and word.base - base <= _reach(size, word.size):
            rows[-1].append(word)
            if word.size > size:
                base, size = word.base, word.size
        else:
            rows.append([word])
            base, size = word.base, 0.0 if alone else word.size
    for row in rows:
        row.sort(key=lambda w: w.x0)
    return rows


def _reach(one: float, other: float) -> float:
    """How far apart two baselines of a row may be, in points."""
    larger = max(one, other)
    return (_SAME_BASELINE if min(one, other) >= _ONE_SIZE * larger else _RAISED) * larger


def line_of(row: Row) -> TextLine:
    """Join the words of a row with one blank, or none between Chinese characters that stood together."""
    text = row[0].text
    edge, gap = row[0].x1, 0.0
    weights: dict[tuple[float, bool], int] = {}
    last: Word | None = None
    for word in row:
        key = (round(word.size, 1), word.bold)
        weights[key] = weights.get(key, 0) + len(word.text)
        if last is not None:
            touches = word.start == last.end and word.x0 - last.x1 < 2 * word.size
            text += (separator(last.text, word.text) if touches else " ") + word.text
            gap = max(gap, word.x0 - edge)
            edge = max(edge, word.x1)
        last = word
    size, _ = max(weights, key=lambda k: weights[k])
    bold = 2 * sum(n for (_, b), n in weights.items() if b) > sum(weights.values())
    return TextLine(
        row[0].x0,
        min(w.y0 for w in row),
        edge,
        max(w.y1 for w in row),
        max(row, key=lambda w: w.size).base,
        clean(text),
        size,
        bold,
        gap,
    )
