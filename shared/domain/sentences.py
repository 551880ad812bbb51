"""Cut text into sentences that cover it without gaps, and long ones at clause marks (spec P68)."""

import re

from shared.domain.tokens import count_tokens

_CLOSERS = "[\"'”’)）」』】]*"
_END = re.compile(rf"[。！？!?…]+{_CLOSERS}\s*|[；;]\s+|\n+|\.{_CLOSERS}\s+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:No|Nos|Mr|Mrs|Ms|Dr|Prof|St|Art|Arts|Sec|Cl|Fig|vs|etc|Inc|Ltd|Co|Corp|Jr|Sr|approx|cf|al|pp|p|e\.g|i\.e|U\.S|[A-Z])"
    r"|^\s*\d{1,3}(?:\.\d{1,3})*|\(\s*\w{1,4})\.$"
)
_CLAUSE = re.compile(r"[；;]\s*|[，,]\s*|[：:]\s*|[、]\s*")
_BLANK = re.compile(r"\s+")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Half-open spans that cover the text; blanks after a sentence belong to it."""
    spans = []
    start = 0
    for match in _END.finditer(text):
        end = match.end()
        if match.group()[0] == "." and (
            _ABBREVIATION.search(text[start : match.start() + 1]) or text[end : end + 1].islower()
        ):
            continue
        spans.append((start, end))
        start = end
    if start < len(text):
        spans.append((start, len(text)))
    return spans


def pieces(text: str, limit: int) -> list[tuple[int, int, int]]:
    """Sentences as (start, end, tokens), each of at most `limit` tokens: longer ones are cut at clause marks,
    then at blanks, then anywhere."""
    out = []
    for start, end in sentence_spans(text):
        tokens = count_tokens(text[start:end])
        if tokens <= limit:
            out.append((start, end, tokens))
        else:
            out += [(start + a, start + b, n) for a, b, n in _cut(text[start:end], limit)]
    return out


def _cut(text: str, limit: int) -> list[tuple[int, int, int]]:
    """Take as much as fits, up to the last clause mark of it, else the last blank, else the last character."""
    out = []
    start = 0
    while start < len(text):
        fits = _longest_fit(text, start, limit)
        end = fits
        if fits < len(text):
            for pattern in (_CLAUSE, _BLANK):
                ends = [start + m.end() for m in pattern.finditer(text[start:fits])]
                usable = [e for e in ends if e - start > (fits - start) // 3 and e < fits]
                if usable:
                    end = usable[-1]
                    break
        out.append((start, end, count_tokens(text[start:end])))
        start = end
    return out


def _longest_fit(text: str, start: int, limit: int) -> int:
    low, high = start + 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(text[start:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return low
