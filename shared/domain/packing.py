"""Pack the evidence of a criterion: 2 to 8 items, at most 6,000 tokens, spread over places (spec R45-R49)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.canonical_json import digest
from shared.domain.constraint_matching import VIOLATED
from shared.domain.fusion import jaccard
from shared.domain.retrieval import EvidenceItem, EvidencePack

MOST_ITEMS = 8
MOST_TOKENS = 6_000
LEAST_FOR_A_MODEL, LEAST_FOR_A_RULE = 2, 1
# More than this from one section only when nothing else is left.
PER_SECTION = 3
REDUNDANT = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class PackCandidate:
    """A passage that may be packed: `relevance` 0..1 by rerank, `quality` 0..1 of its block; `token_count` as packed
    (a table's excerpt)."""

    chunk_id: str
    parse_run_id: str
    document_id: str
    content_hash: str
    token_count: int
    section: tuple[str, ...]
    relevance: float
    quality: float
    branch_ranks: dict[str, int]
    terms: frozenset[str]
    matches: tuple[str, ...] = ()

    @property
    def violates(self) -> bool:
        """Whether it violates a constraint of the query."""
        return VIOLATED in self.matches


def pack_evidence(
    candidates: Sequence[PackCandidate],
    *,
    pack_id: str,
    search_log_id: str,
    index_generation: int,
    config_version: str,
    minimum: int = LEAST_FOR_A_MODEL,
    maximum: int = MOST_ITEMS,
    token_limit: int = MOST_TOKENS,
) -> EvidencePack:
    """Choose and order the items, most relevant first. Below `minimum` the pack says sufficient=False (R45).

    `minimum` is 2 for a criterion a model judges and 1 for a rule; `maximum` never exceeds 8."""
    chosen = _choose(candidates, maximum=min(maximum, MOST_ITEMS), token_limit=min(token_limit, MOST_TOKENS))
    items = tuple(
        EvidenceItem(
            chunk_id=c.chunk_id,
            parse_run_id=c.parse_run_id,
            document_id=c.document_id,
            content_hash=c.content_hash,
            token_count=c.token_count,
            branch_ranks=dict(c.branch_ranks),
            score=round(_worth(c), 6),
        )
        for c in chosen
    )
    tokens = sum(item.token_count for item in items)
    content = [[item.chunk_id, item.content_hash, item.token_count] for item in items]
    return EvidencePack(
        pack_id=pack_id,
        items=items,
        token_count=tokens,
        sufficient=len(items) >= max(1, minimum),
        index_generation=index_generation,
        config_version=config_version,
        pack_hash=digest({"items": content, "index_generation": index_generation, "config_version": config_version}),
        search_log_id=search_log_id,
    )


def _choose(candidates: Sequence[PackCandidate], *, maximum: int, token_limit: int) -> list[PackCandidate]:
    """Greedy by worth in two rounds: first no redundant passage and few per section, then what is left over."""
    ordered = sorted(candidates, key=lambda c: (-_worth(c), c.chunk_id))
    reserved = next((c for c in ordered if c.violates and c.token_count <= token_limit), None)
    chosen: list[PackCandidate] = [reserved] if reserved is not None and maximum > 0 else []
    for spread in (True, False):
        for candidate in ordered:
            full = len(chosen) >= maximum
            if full or candidate in chosen or (spread and not _adds(candidate, chosen)):
                continue
            if sum(c.token_count for c in chosen) + candidate.token_count <= token_limit:
                chosen.append(candidate)
    return sorted(chosen, key=lambda c: (-_worth(c), c.chunk_id))


def _worth(candidate: PackCandidate) -> float:
    """Relevance first; a badly read block loses up to a fifth (R46)."""
    return candidate.relevance * (0.8 + 0.2 * candidate.quality)


def _adds(candidate: PackCandidate, chosen: Sequence[PackCandidate]) -> bool:
    sections = Counter((c.document_id, c.section) for c in chosen)
    if sections[candidate.document_id, candidate.section] >= PER_SECTION:
        return False
    return all(jaccard(candidate.terms, c.terms) < REDUNDANT for c in chosen)
