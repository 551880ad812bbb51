"""Source text and its normalised form, with a map between the two, for search and comparison (spec P61)."""

import unicodedata
from dataclasses import dataclass

VERSION = "bp-norm-1"
_QUOTES = dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\u300c\u300d\u300e\u300f\uff02", '"')
_QUOTES |= dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2039\u203a\uff07\u0060\u00b4", "'")
_DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u2043", "-")
_FIXED = _QUOTES | _DASHES


@dataclass(frozen=True, slots=True)
class Normalised:
    """`text` and, for each of its code points, the half-open source span it came from."""

    text: str
    offsets: tuple[tuple[int, int], ...]

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """The source span of a non-empty normalised span; raises ValueError outside the text."""
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"span {start}:{end} is not inside a text of {len(self.text)}")
        return self.offsets[start][0], self.offsets[end - 1][1]


def _cluster_end(text: str, start: int) -> int:
    """Where the character at `start` ends together with the combining marks on it."""
    end = start + 1
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end


def _form(cluster: str) -> str:
    """The compatibility form of one cluster, without control and format characters."""
    fixed = _FIXED.get(cluster)
    if fixed is not None:
        return fixed
    form = unicodedata.normalize("NFKC", cluster)
    return "".join(_FIXED.get(c, c) for c in form if c in "\t\n" or unicodedata.category(c) not in ("Cc", "Cf"))


def normalise(text: str) -> Normalised:
    """Half width, compatibility forms, unified quotes and dashes, single spaces, ends trimmed; every run of
    blanks, tabs and newlines is one space. Case is kept."""
    out: list[str] = []
    offsets: list[tuple[int, int]] = []
    position = 0
    while position < len(text):
        char = text[position]
        end = (
            position + 1
            if char < "\x80" and text[position + 1 : position + 2] < "\x80"
            else _cluster_end(text, position)
        )
        is_plain = char < "\x80" and end == position + 1
        form = char if is_plain and char >= " " and char not in "`\x7f" else _form(text[position:end])
        if text[position] in "\r\f\v":
            form = " "
        for piece in form:
            if not piece.isspace():
                out.append(piece)
                offsets.append((position, end))
            elif out and out[-1] == " ":
                offsets[-1] = (offsets[-1][0], end)
            elif out:
                out.append(" ")
                offsets.append((position, end))
        position = end
    if out and out[-1] == " ":
        out.pop()
        offsets.pop()
    return Normalised("".join(out), tuple(offsets))
