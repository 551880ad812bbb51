"""Generations of a tenant's index, and when a new one may be searched (spec D53, R57)."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.chunks import Chunk
from shared.domain.retrieval import Scope
from shared.domain.scoping import TENDER

KEPT_DAYS = 7  # the one that was searched before (R57)
RECALL_AT = 8
ALLOWED_LOSS = 0.01  # of recall@8 (R57)
SAMPLE = 100  # chunks that a replay asks for, by words and by vector: 200 queries, of which two may be lost
QUERY_TERMS = 12  # unique terms of a chunk that its query consists of


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One of a tenant's indexes; documents up to `checked_to` are known to be equal in it."""

    number: int
    state: str  # building | active | kept | retired
    profile_id: str
    checked_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a generation must hold of a document: these chunks of this parse run, or all of them (None)."""

    document_id: str
    parse_run_id: str
    chunk_ids: tuple[str, ...] | None


def own_scope(tenant_id: str, chunk: Chunk) -> Scope:
    """The narrowest scope without a document in which the chunk must be found."""
    return Scope(
        tenant_id=tenant_id,
        project_id=chunk.project_id,
        supplier_id=chunk.supplier_id,
        tender=chunk.doc_type == TENDER and chunk.supplier_id is None,
    )


def may_be_searched(before: Sequence[bool], after: Sequence[bool]) -> bool:
    """Whether recall@8 of the replayed queries is not lower by more than 0.01; each True is a query whose chunk was
    among the first eight."""
    return not before or sum(after) / len(after) >= sum(before) / len(before) - ALLOWED_LOSS
