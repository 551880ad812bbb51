"""Tests of rule packs on the words of passages, statement by statement and aware of denial (E36, R80).

Three forms: {"text": {"any": [...], "near": [...]}, "op": "exists"}, {"text": {"terms": [...]}, "op": "contains_all"}
and {"material": "ISO 9001", "op": "valid_on", "value": "2026-12-01"} (material_tests.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.chunks import Chunk
from shared.domain.evidence import Passage
from shared.domain.facts import Fact
from shared.domain.negation import AFFIRMED, DENIED, UNCERTAIN, stance_of
from shared.domain.patterns import MAX_TEXT, compile_pattern
from shared.domain.statement_spans import Span, statements
from shared.domain.text_matching import Matchable
from shared.domain.truth import Truth, opposite

TEXT_OPERATORS = ("exists", "not_exists", "contains_all", "contains_any", "matches", "count_ge")
INSUFFICIENT, CONFLICT = "INSUFFICIENT_EVIDENCE", "FACT_CONFLICT"


@dataclass(frozen=True, slots=True)
class Support:
    """A span that bears on a test: of a chunk, or a fact whose chunk may not be at hand. `affirms` False is a denial;
    `note` is what was read there, such as an expiry date."""

    chunk: Chunk | None
    start: int
    end: int
    affirms: bool = True
    fact: Fact | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """`truth` with the spans that show it. `missing`: nothing was found at all, so only a complete search may conclude
    absence. `cause` is the reason code of an unknown (D125)."""

    truth: Truth
    supports: tuple[Support, ...] = ()
    missing: bool = False
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class _Hit:
    chunk: Chunk
    statement: Span
    term: Span
    stance: str


def evaluate_text(test: Mapping[str, Any], passages: Sequence[Passage]) -> Finding:
    """Evaluate a text test. Raises KeyError for an operator outside TEXT_OPERATORS.

    A statement counts when it has one of `any` and one phrase of each group of `near`, and says so: a denial ("does
    not hold ISO 27001") proves the contrary, a condition ("if the bidder ...") proves nothing."""
    text = test["text"] if isinstance(test["text"], Mapping) else {"any": [test["text"]]}
    near = [[group] if isinstance(group, str) else list(group) for group in text.get("near", [])]
    anchors = list(text.get("any") or text.get("terms") or test.get("terms") or _listed(test.get("value")))
    return _OPERATORS[str(test["op"])](test, anchors, near, passages)


def _listed(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def _hits(anchors: Sequence[str], near: Sequence[Sequence[str]], passages: Sequence[Passage]) -> list[_Hit]:
    return [hit for passage in passages for hit in _hits_in(anchors, near, passage.chunk)]


def _hits_in(anchors: Sequence[str], near: Sequence[Sequence[str]], chunk: Chunk) -> list[_Hit]:
    form = Matchable(chunk.text)
    found = [span for anchor in anchors for span in form.find(anchor)]
    if not found:
        return []
    hits = []
    for statement in statements(chunk.text):
        terms = [span for span in found if span.start < statement.end and statement.start < span.end]
        if terms and all(any(form.find(p, *statement) for p in group) for group in near):
            stances = [(stance_of(chunk.text, statement, term), term) for term in terms]
            stance, term = min(stances, key=lambda item: (item[0] != AFFIRMED, item[1].start))
            hits.append(_Hit(chunk, statement, term, stance))
    return hits


def _supports(hits: Sequence[_Hit], *stances: str) -> tuple[Support, ...]:
    return tuple(Support(h.chunk, *h.statement, affirms=h.stance == AFFIRMED) for h in hits if h.stance in stances)


def weighed(hits: Sequence[_Hit]) -> Finding:
    """True when only affirmed, False when only denied, unknown when both, doubtful or only conditional."""
    yes, no, unsure = _supports(hits, AFFIRMED), _supports(hits, DENIED), _supports(hits, UNCERTAIN)
    if yes and (no or unsure):
        return Finding(None, yes + no + unsure, cause=CONFLICT)
    if yes:
        return Finding(True, yes)
    if unsure:
        return Finding(None, unsure + no, cause=INSUFFICIENT)
    return Finding(False, no) if no else Finding(False, missing=True)


def _exists(test: Any, anchors: Sequence[str], near: Any, passages: Sequence[Passage]) -> Finding:
    return weighed(_hits(anchors, near, passages))


def _not_exists(test: Any, anchors: Sequence[str], near: Any, passages: Sequence[Passage]) -> Finding:
    result = weighed(_hits(anchors, near, passages))
    return Finding(opposite(result.truth), result.supports, result.missing, result.cause)


def _contains_all(test: Any, anchors: Sequence[str], near: Any, passages: Sequence[Passage]) -> Finding:
    """Every term is affirmed somewhere; the spans of the found ones are kept when another is missing."""
    results = [weighed(_hits([term], near, passages)) for term in anchors]
    supports = tuple(support for result in results for support in result.supports[:2])
    if any(result.truth is False for result in results):
        return Finding(False, supports, missing=all(r.truth or r.missing for r in results))
    cause = next((result.cause for result in results if result.cause), None)
    return Finding(None if cause else True, supports, cause=cause)


def _matches(test: Any, anchors: Sequence[str], near: Sequence[Sequence[str]], passages: Sequence[Passage]) -> Finding:
    pattern = compile_pattern(str(test["text"].get("pattern") if isinstance(test["text"], Mapping) else test["value"]))
    hits = []
    for chunk in (passage.chunk for passage in passages):
        form = Matchable(chunk.text)
        for statement in statements(chunk.text):
            match = pattern.search(chunk.text[statement.start : statement.end][:MAX_TEXT])
            if match and all(any(form.find(p, *statement) for p in group) for group in near):
                term = Span(statement.start + match.start(), statement.start + match.end())
                hits.append(_Hit(chunk, statement, term, stance_of(chunk.text, statement, term)))
    return weighed(hits)


def _count_ge(test: Any, anchors: Sequence[str], near: Any, passages: Sequence[Passage]) -> Finding:
    """At least `value` different statements affirm it; fewer proves nothing unless the search was complete."""
    hits = _hits(anchors, near, passages)
    yes = _supports(hits, AFFIRMED)
    different = {hit.chunk.text[hit.statement.start : hit.statement.end] for hit in hits if hit.stance == AFFIRMED}
    enough = len(different) >= int(test["value"])
    return Finding(enough, yes if enough else yes + _supports(hits, DENIED), missing=not enough)


_OPERATORS: dict[str, Callable[..., Finding]] = {
    "exists": _exists,
    "not_exists": _not_exists,
    "contains_all": _contains_all,
    "contains_any": _exists,
    "matches": _matches,
    "count_ge": _count_ge,
}
