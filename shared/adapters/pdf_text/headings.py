"""How much a line looks like a heading, and of which level: a score, not a fact (spec P110)."""

import re
from collections.abc import Sequence

from shared.adapters.pdf_text.lines import TextLine
from shared.adapters.pdf_text.profile import LARGER, Profile
from shared.domain.numbering import MAX_LEVEL, heading_number

LEAST_SCORE = 0.5  # below this a line stays a paragraph
_LONGEST = 120
_ENDS_SENTENCE = re.compile(r"[。；;,，.!?！？]$")
_CAPTION = re.compile(r"(?:Table|Figure|Fig\.)\s*\d+\b|[表图]\s*\d+", re.I)
_LETTERS = re.compile(r"[^\W\d_]")


def is_caption(text: str) -> bool:
    """Whether a line names a table or a figure."""
    return len(text) < _LONGEST and bool(_CAPTION.match(text))


def heading_score(lines: Sequence[TextLine], text: str, profile: Profile, page: int, right: float) -> float:
    """0..1 for the lines of one would-be heading on a page; `right` is the right edge of its column."""
    if len(text) > _LONGEST or len(lines) > 3 or not _LETTERS.search(text):
        return 0.0
    number = heading_number(text)
    first = lines[0]
    score = 0.0
    if profile.outline_level(page, text) is not None:
        score += 0.6
    if first.size >= LARGER * profile.body_size:
        score += 0.45
    if first.bold and not profile.body_bold:
        score += 0.4
    if number is not None:
        score += 0.4 if number.strong else 0.25
    if text.isupper() and len(text) > 3:
        score += 0.2
    short = lines[-1].x1 < right - 6 * profile.body_size
    score += 0.05 if short or len(lines) > 1 else -0.15
    if _ENDS_SENTENCE.search(text) and not (number and text.rstrip(".") == text[:-1] and len(text) < 60):
        score -= 0.45
    return round(max(0.0, min(1.0, score)), 2)


def heading_level(line: TextLine, text: str, profile: Profile, page: int) -> int:
    """From the outline, else the number, else the rank of the font size."""
    level = profile.outline_level(page, text)
    if level is None:
        number = heading_number(text)
        if number is not None:
            level = number.level
        elif line.size >= LARGER * profile.body_size:
            level = 1 + sum(1 for size in profile.heading_sizes if size > line.size + 0.3)
        else:
            level = len(profile.heading_sizes) + 1
    return max(1, min(level, MAX_LEVEL))
