"""The reranker that is always there: fused score and how well the words of the query are covered (spec R42)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from shared.domain.constraint_matching import UNKNOWN
from shared.domain.retrieval import Hit

RERANKER_ID = "deterministic-1"
FUSED_SHARE, COVERAGE_SHARE = 0.6, 0.4
# Inside the coverage: terms found, neighbours of the query that stand side by side, constraints decided.
_TERMS, _PROXIMITY, _CONSTRAINTS = 0.6, 0.25, 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A fused hit with the terms of its heading and text, and its constraint matches."""

    hit: Hit
    terms: tuple[str, ...]
    matches: tuple[str, ...] = ()


def rerank(candidates: Sequence[Candidate], query_terms: Sequence[str]) -> list[Hit]:
    """Score 0..1 = 0.6 * fused score over the best fused score + 0.4 * coverage; ties by chunk_id."""
    best = max((c.hit.score_fused for c in candidates), default=0.0)
    scored = [
        replace(
            c.hit,
            score_rerank=FUSED_SHARE * (c.hit.score_fused / best if best else 0.0)
            + COVERAGE_SHARE * coverage(query_terms, c.terms, c.matches),
        )
        for c in candidates
    ]
    return sorted(scored, key=lambda hit: (-(hit.score_rerank or 0.0), hit.chunk_id))


def coverage(query_terms: Sequence[str], passage_terms: Sequence[str], matches: Sequence[str] = ()) -> float:
    """0..1. A violated constraint counts like a satisfied one: either decides the question (R15)."""
    wanted = list(dict.fromkeys(query_terms))
    if not wanted:
        return 0.0
    present = set(passage_terms)
    found = sum(term in present for term in wanted) / len(wanted)
    pairs = list(pairwise(query_terms))
    beside = set(pairwise(passage_terms))
    near = sum(pair in beside for pair in pairs) / len(pairs) if pairs else found
    decided = sum(match != UNKNOWN for match in matches) / len(matches) if matches else found
    return _TERMS * found + _PROXIMITY * near + _CONSTRAINTS * decided
