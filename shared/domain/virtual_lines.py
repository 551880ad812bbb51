"""Break text into lines by a fixed advance table, the same on every machine (spec P55)."""

import re
import unicodedata

FONT_SIZE, LINE_HEIGHT = 10.5, 16.0
_NARROW, _SLIM, _BROAD, _CAPITAL, _SMALL = 0.28, 0.36, 0.84, 0.67, 0.53  # em, rounded from common sans-serif fonts
_ADVANCES = (
    dict.fromkeys("ijl.,:;'|!` ", _NARROW) | dict.fromkeys('frt()[]{}-"/\\*', _SLIM) | dict.fromkeys("mwMW@%&", _BROAD)
)
_WIDE = r"\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[^\S\n]+|[{_WIDE}]|[^\s{_WIDE}]+|\n")


def advance(char: str) -> float:
    """Width of one character in em."""
    found = _ADVANCES.get(char)
    if found is not None:
        return found
    if char < "\u1100":
        if unicodedata.combining(char):
            return 0.0
        return _CAPITAL if char.isupper() else _SMALL
    return 1.0 if unicodedata.east_asian_width(char) in "WF" else 0.0 if unicodedata.combining(char) else _SMALL


def text_width(text: str) -> float:
    """Width of a line in points."""
    return FONT_SIZE * sum(map(advance, text))


def wrap(text: str, width: float) -> list[tuple[int, int]]:
    """Spans of the lines, without the blanks at their ends; a newline ends a line, a word wider than a line is
    broken. Text of blanks only has no line."""
    lines: list[tuple[int, int]] = []
    start = end = 0
    used = 0.0
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "\n":
            _close(lines, text, start, end)
            start = end = match.end()
            used = 0.0
            continue
        size = text_width(token)
        if used + size > width and not token.isspace():
            _close(lines, text, start, end)
            start, used = match.start(), 0.0
            for index, char in enumerate(token, match.start()) if size > width else ():
                step = text_width(char)
                if used + step > width:
                    _close(lines, text, start, index)
                    start, used = index, 0.0
                used += step
            used = used or size
        else:
            used += size
        end = match.end()
    _close(lines, text, start, end)
    return lines


def _close(lines: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        lines.append((start, end))
