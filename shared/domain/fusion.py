"""Join ranked lists into one by reciprocal rank, and fold near duplicates (spec R29, R30)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.domain.retrieval import Hit, RankedId

# The constant of reciprocal rank fusion (R29; Cormack, Clarke and Buettcher, SIGIR 2009).
RANK_CONSTANT = 60
SAME_TEXT = 0.9


def reciprocal_rank_fusion(
    lists: Mapping[str, Sequence[RankedId]], weights: Mapping[str, float] | None = None
) -> list[Hit]:
    """Score = sum over lists of weight / (60 + rank), best first, ties by chunk_id; a weight not named is 1.

    A chunk that stands twice in one list counts at its better rank. Raw scores are never looked at."""
    given = weights or {}
    ranks: dict[str, dict[str, int]] = defaultdict(dict)
    documents: dict[str, str] = {}
    for name, ranked in lists.items():
        for found in ranked:
            places = ranks[found.chunk_id]
            places[name] = min(found.rank, places.get(name, found.rank))
            documents[found.chunk_id] = found.document_id
    hits = [
        Hit(
            chunk_id=chunk_id,
            document_id=documents[chunk_id],
            score_fused=sum(given.get(name, 1.0) / (RANK_CONSTANT + rank) for name, rank in sorted(places.items())),
            branch_ranks=dict(places),
        )
        for chunk_id, places in ranks.items()
    ]
    return sorted(hits, key=lambda hit: (-hit.score_fused, hit.chunk_id))


def merge_variants(
    lists: Mapping[str, Sequence[RankedId]], weights: Mapping[str, float] | None = None, *, limit: int
) -> list[RankedId]:
    """One list of one branch from its lists per query variant, ranked anew from 1."""
    fused = reciprocal_rank_fusion(lists, weights)[:limit]
    return [RankedId(hit.chunk_id, hit.document_id, rank, hit.score_fused) for rank, hit in enumerate(fused, start=1)]


def fold_duplicates(
    hits: Sequence[Hit], hashes: Mapping[str, str], term_sets: Mapping[str, frozenset[str]], *, keep: int
) -> list[Hit]:
    """The first `keep` distinct hits; same content hash or term Jaccard >= 0.9 goes to `also_at` of the better one."""
    kept: list[Hit] = []
    for hit in hits:
        twin = next(
            (n for n, other in enumerate(kept) if _is_same(hit.chunk_id, other.chunk_id, hashes, term_sets)), None
        )
        if twin is not None:
            kept[twin] = replace(kept[twin], also_at=(*kept[twin].also_at, hit.chunk_id))
        elif len(kept) < keep:
            kept.append(hit)
    return kept


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Shared terms over all terms, 0..1; two empty sets share nothing."""
    union = len(left | right)
    return len(left & right) / union if union else 0.0


def _is_same(a: str, b: str, hashes: Mapping[str, str], term_sets: Mapping[str, frozenset[str]]) -> bool:
    return hashes[a] == hashes[b] or jaccard(term_sets[a], term_sets[b]) >= SAME_TEXT
