"""Count tokens by the fixed offline rule bp-tok-1 (spec P65), so chunk sizes are the same on every machine."""

import re

VERSION = "bp-tok-1"
_HAN = "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKENS = re.compile(rf"([{_HAN}])|([^\W_{_HAN}]+)|[^\w\s]|_")


def count_tokens(text: str) -> int:
    """One per Chinese character, one per four letters or digits of a run (rounded up), one per other sign."""
    total = 0
    for match in _TOKENS.finditer(text):
        run = match.group(2)
        total += (len(run) + 3) // 4 if run else 1
    return total


def is_han(char: str) -> bool:
    """Tell whether one character is a Chinese character, as the rule counts it."""
    match = _TOKENS.fullmatch(char)
    return bool(match and match.group(1))
