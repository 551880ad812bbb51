"""Find phrases in a text whatever its spacing, width and case, and give back spans of the source text."""

from functools import lru_cache

from shared.domain.normalisation import normalise
from shared.domain.statement_spans import Span


class Matchable:
    """A text folded for matching: normalised (P61), lower case, without blanks beside Chinese characters."""

    def __init__(self, text: str) -> None:
        normal = normalise(text)
        self._normal = normal
        signs, self._places = _folded(normal.text)
        self.text = signs

    def find(self, phrase: str, start: int = 0, end: int | None = None) -> list[Span]:
        """Source spans of every whole occurrence between source offsets start and end."""
        wanted = _phrase(phrase)
        spans: list[Span] = []
        at = self.text.find(wanted) if wanted else -1
        while at >= 0:
            if _is_whole(self.text, at, at + len(wanted)):
                span = self._source(at, at + len(wanted))
                if span.start >= start and (end is None or span.end <= end):
                    spans.append(span)
            at = self.text.find(wanted, at + 1)
        return spans

    def _source(self, start: int, end: int) -> Span:
        return Span(*self._normal.source_span(self._places[start], self._places[end - 1] + 1))


def _folded(text: str) -> tuple[str, list[int]]:
    signs, places = [], []
    for i, sign in enumerate(text):
        if sign == " " and (_is_cjk(text[i - 1 : i]) or _is_cjk(text[i + 1 : i + 2])):
            continue
        lowered = sign.lower()
        signs.append(lowered if len(lowered) == 1 else sign)
        places.append(i)
    return "".join(signs), places


@lru_cache(maxsize=1024)
def _phrase(phrase: str) -> str:
    return _folded(normalise(phrase).text)[0]


def _is_cjk(sign: str) -> bool:
    return "\u3400" <= sign <= "\u9fff" or "\u3000" <= sign <= "\u303f" if sign else False


def _is_whole(text: str, start: int, end: int) -> bool:
    """A phrase of letters or digits may not begin or end inside a longer word or number."""

    def joined(left: str, right: str) -> bool:
        return left.isascii() and right.isascii() and left.isalnum() and right.isalnum()

    before = joined(text[start - 1], text[start]) if start else False
    after = joined(text[end - 1], text[end]) if end < len(text) else False
    return not before and not after
