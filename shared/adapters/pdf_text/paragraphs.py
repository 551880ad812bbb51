"""Lines of one column become paragraphs, headings, list items and captions."""

import re
from collections.abc import Sequence
from itertools import pairwise

from shared.adapters.pdf_text.geometry import box_on_page
from shared.adapters.pdf_text.headings import LEAST_SCORE, heading_level, heading_score, is_caption
from shared.adapters.pdf_text.lines import TextLine
from shared.adapters.pdf_text.profile import Profile
from shared.domain.blocks import Block, Line, enclosing
from shared.domain.joining import join_lines, language
from shared.domain.numbering import heading_number, list_label

_END = re.compile(r"[.。！？!?；;:：][\"'”’)）」』]*$")
_SAME_SIZE = 0.8  # points
_LEADING = 0.75  # of the font size: a wider white space than the column's own ends a paragraph
Group = list[TextLine]


def blocks_of(lines: Sequence[TextLine], profile: Profile, page: int, size: tuple[float, float]) -> list[Block]:
    """Blocks of a column in order; `size` is width and height of the page."""
    if not lines:
        return []
    right = max(line.x1 for line in lines)
    spacing = _spacing(lines)
    groups: list[Group] = []
    for line in lines:
        if groups and _continues(groups[-1], line, profile, right, spacing):
            groups[-1].append(line)
        else:
            groups.append([line])
    return [_block(group, profile, right, page, size) for group in groups]


def _spacing(lines: Sequence[TextLine]) -> float:
    """The usual distance of baselines in font sizes, at least 1: the lower quartile of the column."""
    steps = sorted((b.base - a.base) / max(b.size, 1.0) for a, b in pairwise(lines) if b.base > a.base)
    return min(max(steps[len(steps) // 4], 1.0), 2.6) if steps else 1.2


def _continues(group: Group, line: TextLine, profile: Profile, right: float, spacing: float) -> bool:
    """Whether a line goes on with the paragraph before it."""
    last, first = group[-1], group[0]
    distance = line.base - last.base
    if distance <= 0 or distance > (spacing + _LEADING / 2) * max(line.size, last.size):
        return False
    if abs(line.size - last.size) > _SAME_SIZE or line.x0 > last.x1 or line.x1 < first.x0:
        return False
    if list_label(line.text) or is_caption(line.text):
        return False
    starts_bold = line.bold and not last.bold
    ends_bold = last.bold and not line.bold
    if not profile.body_bold and (starts_bold or (ends_bold and last.x1 < right - 4 * last.size)):
        return False
    ended = bool(_END.search(last.text))
    short = last.x1 < right - 5 * last.size
    if heading_number(line.text) is not None and (ended or short or line.bold):
        return False
    indented = line.x0 > last.x0 + 0.8 * line.size and (len(group) > 1 or line.x0 > first.x0 + 2.5 * line.size)
    if ended and (short or indented):
        return False
    if short and not ended:
        return _goes_on(last, line, right)
    return not (indented and short)


def _goes_on(last: TextLine, line: TextLine, right: float) -> bool:
    """Whether a short line without an end is a ragged edge: the next word would not have fitted."""
    word = line.text.split(" ", 1)[0] if " " in line.text[:40] else line.text[:2]
    width = (line.x1 - line.x0) * len(word) / max(len(line.text), 1)
    return line.text[:1].islower() or last.x1 + width + last.size > right - last.size


def _block(group: Group, profile: Profile, right: float, page: int, size: tuple[float, float]) -> Block:
    joined = join_lines([line.text for line in group])
    kind, level, flags = "paragraph", None, ["dehyphenated"] if joined.hyphens else []
    score = heading_score(group, joined.text, profile, page, right)
    if is_caption(joined.text):
        kind = "caption"
    elif score >= LEAST_SCORE:
        kind, level = "heading", heading_level(group[0], joined.text, profile, page)
        flags.append(f"heading_score={score:.2f}")
    elif list_label(joined.text):
        kind = "list_item"
    lines = tuple(
        Line(page, box_on_page(line.x0, line.y0, line.x1, line.y1, *size), a, b)
        for line, (a, b) in zip(group, joined.spans, strict=True)
    )
    return Block(
        page=page,
        seq=0,
        type=kind,
        text=joined.text,
        box=enclosing([line.box for line in lines]),
        lines=lines,
        level=level,
        lang=language(joined.text),
        flags=tuple(flags),
    )
