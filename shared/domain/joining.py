"""Join the lines of a paragraph: no space between Chinese characters, no hyphen inside a broken word (spec P62)."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

# U+FFFE and U+0002 are what pdfium writes for a hyphen at the end of a line.
_LINE_HYPHENS = ("-", "\u2010", "\u00ad", "\ufffe", "\x02")
_WIDE = re.compile(
    r"[\u2e80-\u303f\u3100-\u312f\u31a0-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_BLANKS = re.compile(r"[^\S\n]+")


@dataclass(frozen=True, slots=True)
class Joined:
    """The text, the half-open span of each line in it, and where a hyphen at a line end was left out."""

    text: str
    spans: tuple[tuple[int, int], ...]
    hyphens: tuple[int, ...]


def clean(text: str) -> str:
    """One line of source text: NFC, single blanks, no other control characters, ends trimmed."""
    kept = "".join(
        " " if c in "\t\r\n\f\v" else c for c in text if c in "\t\r\n\f\v" or unicodedata.category(c) != "Cc"
    )
    return unicodedata.normalize("NFC", _BLANKS.sub(" ", kept).strip())


def separator(left: str, right: str) -> str:
    """What stands between two lines: nothing between two Chinese characters, else one space."""
    return "" if left and right and _WIDE.match(left[-1]) and _WIDE.match(right[0]) else " "


def join_lines(lines: Sequence[str]) -> Joined:
    """Join cleaned lines; an empty line keeps an empty span."""
    text, spans, hyphens = "", [], []
    for line in lines:
        if not line:
            spans.append((len(text), len(text)))
            continue
        if len(text) > 1 and text[-1] in _LINE_HYPHENS and text[-2].isalpha() and line[0].islower():
            text = text[:-1]
            hyphens.append(len(text))
            start, end = spans[-1]
            spans[-1] = (start, min(end, len(text)))
        elif text:
            text += separator(text, line)
        spans.append((len(text), len(text) + len(line)))
        text += line
    return Joined(text, tuple(spans), tuple(hyphens))


def language(text: str) -> str:
    """`zh`, `en`, `mixed` or `other`, by the share of Chinese characters against Latin words."""
    han = len(_HAN.findall(text))
    latin = len(_LATIN.findall(text)) / 5
    if han + latin < 1:
        return "other"
    share = han / (han + latin)
    return "zh" if share >= 0.75 else "en" if share <= 0.15 else "mixed"
