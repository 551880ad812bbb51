"""What is asked of the index and what it answers (spec 04 sections 1, 5, 6, 8)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.errors import Permanent


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The mandatory filter: it cannot be made without tenant and project (R33). `supplier_id` None with
    `tender` True reads the tender documents only; a supplier's scope includes the tender when `tender`.
    `doc_types` limits further ("bid", "attachment"); empty means all."""

    tenant_id: str
    project_id: str
    supplier_id: str | None = None
    tender: bool = False
    doc_types: tuple[str, ...] = ()
    document_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.tenant_id or not self.project_id:
            raise Permanent("RAG_SCOPE_MISSING")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """One searchable text: a chunk, or a row-group view of a large table (`entry_id` then ends in
    #r<first>-<last>, R56). Terms are cut by domain/terms.py and joined by blanks."""

    entry_id: str
    chunk_id: str
    document_id: str
    project_id: str
    supplier_id: str | None
    doc_type: str
    chunk_type: str
    language: str
    terms: str
    heading_terms: str
    code_terms: str
    page_from: int
    page_to: int
    token_count: int
    quality: float
    content_hash: str
    vector: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """What an index says of an entry that it holds: the hash of the chunk it was made of, and whether it can be found
    by a vector. The hash is "" when the parts of an entry do not agree, so that it equals no chunk's."""

    content_hash: str
    has_vector: bool


@dataclass(frozen=True, slots=True)
class RankedId:
    """A chunk at a place of one branch's list; rank counts from 1, score only compares inside the list."""

    chunk_id: str
    document_id: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A chunk after fusion: `branch_ranks` names each branch that found it with its rank."""

    chunk_id: str
    document_id: str
    score_fused: float
    branch_ranks: dict[str, int]
    score_rerank: float | None = None
    also_at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceItem:
    """One passage of an evidence pack."""

    chunk_id: str
    parse_run_id: str
    document_id: str
    content_hash: str
    token_count: int
    branch_ranks: dict[str, int]
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePack:
    """Immutable: 2 to 8 items and at most 6,000 tokens, or fewer items and sufficient=False (R45, R49)."""

    pack_id: str
    items: tuple[EvidenceItem, ...]
    token_count: int
    sufficient: bool
    index_generation: int
    config_version: str
    pack_hash: str
    search_log_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLog:
    """What was asked, where, and how completely it was answered (R50). `coverage` holds documents, pages,
    missing_documents and unreadable_pages; `variants` one dict per query variant with its branches."""

    search_log_id: str
    project_id: str
    supplier_id: str | None
    purpose: str
    variants: list[dict[str, Any]]
    coverage: dict[str, Any]
    degraded: bool
    degrade_reasons: list[str]
    duration_ms: int
    best_rejected: dict[str, Any] | None = None
    evaluation_id: str | None = None
    criterion_id: str | None = None
    branches_run: list[str] = field(default_factory=list)
