"""Cut a text into statements: sentences, clauses and table rows without blanks around, as rules read and quote them."""

import re
from typing import NamedTuple

_END = re.compile(r"[。！？；]|\n+|[;!?](?=\s|$)|\.(?=\s|$)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:No|Nos|Ltd|Co|Inc|Corp|e\.g|i\.e|Art|Arts|Mr|Ms|Mrs|Dr|St|vs|approx|incl|excl|Sec|Fig|cl|para|[A-Z])$"
)
_CLAUSE = re.compile(r"[，,;；:：。|]|\s(?:but|however|whereas|although|while)\s|但是|但|然而|而是")
MAX_STATEMENT = 600


class Span(NamedTuple):
    """A half-open stretch of code points."""

    start: int
    end: int


def statements(text: str) -> list[Span]:
    """Sentences and table rows, without surrounding blanks; a full stop after an abbreviation or number goes on.

    A sentence above 600 code points is cut at clause marks, so that every span stays quotable.
    """
    spans: list[Span] = []
    start = 0
    for match in _END.finditer(text):
        if match.group() == "." and _goes_on(text, match.start()):
            continue
        end = match.start() if match.group().startswith("\n") else match.end()
        spans += _trimmed(text, start, end)
        start = match.end()
    return spans + _trimmed(text, start, len(text))


def _goes_on(text: str, stop: int) -> bool:
    """Tell a full stop from an abbreviation ("No. 7", "Ltd. is") and from a heading number ("3. Delivery")."""
    head = text[max(0, stop - 12) : stop]
    after = text[stop + 1 :].lstrip(" ")[:1]
    if _ABBREVIATION.search(head):
        return not after.isupper() or re.search(r"(?:No|Nos|Mr|Ms|Mrs|Dr|[A-Z])$", head) is not None
    return re.search(r"(?:^|\n)\s*[\d.]+$", head) is not None


def _trimmed(text: str, start: int, end: int) -> list[Span]:
    spans: list[Span] = []
    while True:
        body = text[start:end]
        start += len(body) - len(body.lstrip())
        stop = start + len(body.strip())
        if start >= stop:
            return spans
        if stop - start <= MAX_STATEMENT:
            return [*spans, Span(start, stop)]
        marks = [m.end() for m in _CLAUSE.finditer(text, start, start + MAX_STATEMENT)]
        cut = marks[-1] if marks else start + MAX_STATEMENT
        spans.append(Span(start, cut))
        start = cut


def clauses(text: str, span: Span) -> list[Span]:
    """The clauses of a statement, cut at commas, colons, cells and contrasting words."""
    spans, start = [], span.start
    for match in _CLAUSE.finditer(text, span.start, span.end):
        if match.start() > start and not _inside_number(text, match):
            spans.append(Span(start, match.start()))
            start = match.end()
    if start < span.end:
        spans.append(Span(start, span.end))
    return spans


def _inside_number(text: str, match: re.Match[str]) -> bool:
    """A comma between digits groups thousands; a colon between them is a time or an edition."""
    around = text[match.start() - 1 : match.start()] + text[match.end() : match.end() + 1]
    return match.group() in ",:" and len(around) == 2 and around.isdigit()


def statement_at(text: str, start: int, end: int) -> Span:
    """The statements from the one that holds `start` to the one that holds `end`, as one span."""
    touched = [span for span in statements(text) if span.start < end and start < span.end]
    if not touched:
        return Span(start, end)
    return Span(min(start, touched[0].start), max(end, touched[-1].end))


def clause_at(text: str, statement: Span, position: int) -> Span:
    """The clause of the statement that holds the position, or the statement."""
    for clause in clauses(text, statement):
        if clause.start <= position < clause.end:
            return clause
    return statement
