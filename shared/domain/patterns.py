"""Patterns of rule packs that are matched in bounded time: a small dialect is accepted, the rest refused (E35, E36)."""

import re
from functools import lru_cache
from typing import Any

from shared.domain.errors import Refused

MAX_PATTERN = 200
MAX_TEXT = 2_000
MAX_WAYS = 64
_FORBIDDEN = (
    (re.compile(r"\(\?(?!:)"), "lookaround and inline flags are not allowed"),
    (re.compile(r"\\[1-9]"), "back references are not allowed"),
    (re.compile(r"[*+?}][*+?]"), "a repeat of a repeat is not allowed"),
    (re.compile(r"(?<!\\)\)\s*(?:[*+]|\{)"), "a repeated group is not allowed"),
)
_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<open>\(\??:?)|(?P<close>\))|(?P<or>\|)|(?P<star>[*+])|(?P<maybe>\?)|"
    r"\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\}|.",
    re.DOTALL,
)


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile, ignoring case; raises Refused RULE_PACK_INVALID for what could take long or is no pattern.

    Allowed are at most 200 characters, one unbounded repeat of a single sign, no repeated group, and at most 64 ways
    through the optional parts and alternatives. The work of a search is then at most 64 n squared for a text of n
    signs, and n is at most 2,000."""
    for form, why in _FORBIDDEN:
        if form.search(pattern):
            raise _refused(pattern, why)
    unbounded, ways = _ways(pattern)
    if len(pattern) > MAX_PATTERN or unbounded > 1 or ways > MAX_WAYS:
        raise _refused(pattern, "at most 200 characters, one unbounded repeat and 64 ways are allowed")
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise _refused(pattern, f"is no pattern: {error}") from error
    if compiled.search("") is not None:
        raise _refused(pattern, "it matches nothing at all")
    return compiled


def _ways(pattern: str) -> tuple[int, int]:
    """How many unbounded repeats, and the product of the choices that a search may have to try."""
    unbounded, ways, groups = 0, 1, [1]
    for token in _TOKEN.finditer(pattern):
        if token["open"]:
            groups.append(1)
        elif token["close"] and len(groups) > 1:
            ways *= groups.pop()
        elif token["or"]:
            groups[-1] += 1
        elif token["star"] or (token["comma"] and not token["most"]):
            unbounded += 1
        elif token["maybe"]:
            ways *= 2
        elif token["comma"]:
            ways *= max(1, int(token["most"]) - int(token["least"] or 0) + 1)
    return unbounded, ways * groups[0]


def found_in(pattern: Any, text: str) -> bool:
    """Whether the pattern occurs in the first 2,000 characters of the text."""
    return compile_pattern(str(pattern)).search(text[:MAX_TEXT]) is not None


def _refused(pattern: str, why: str) -> Refused:
    return Refused("RULE_PACK_INVALID", f"pattern {pattern[:60]!r}: {why}", details={"pattern": pattern[:200]})
