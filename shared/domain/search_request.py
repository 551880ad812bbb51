"""A search as asked and as answered (spec 04 section 1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.domain.chunks import Chunk
from shared.domain.query_constraints import Constraint
from shared.domain.query_modes import ModeChoice
from shared.domain.retrieval import EvidencePack, Hit, Scope, SearchLog


class ScopeDocument(Protocol):
    """A document inside the scope, in any state; `pages` is None before it was surveyed."""

    @property
    def document_id(self) -> str:
        """Its id."""
        ...

    @property
    def status(self) -> str:
        """Its state; only `indexed` ones are searched (R3)."""
        ...

    @property
    def pages(self) -> int | None:
        """Its number of pages."""
        ...

    @property
    def incomplete_pages(self) -> tuple[int, ...]:
        """Pages that could not be read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRequest:
    """Ask for an evidence pack: `minimum` 2 for a criterion a model judges, 1 for a rule (R45)."""

    pack_id: str
    minimum: int = 2
    maximum: int = 8
    token_limit: int = 6_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """`documents` are all documents of the scope with their state. `phrases` are further wordings of the same question
    (a criterion's `queries`); `rewrite` one proposed by a model, used only if it keeps every constraint. `top_k` is
    1 to 200. `purpose` is search, evaluate or answer; `language` zh, en or auto; `rerank` False keeps fused order."""

    scope: Scope
    text: str
    search_log_id: str
    documents: Sequence[ScopeDocument]
    purpose: str = "search"
    index_generation: int = 1
    query_type: str | None = None
    high_risk: bool = False
    risk_score: float = 0.0
    mode_hint: str | None = None
    top_k: int = 20
    rerank: bool = True
    strict: bool = False
    must_include_terms: tuple[str, ...] = ()
    must_exclude_terms: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    rewrite: str | None = None
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    language: str = "auto"
    evaluation_id: str | None = None
    criterion_id: str | None = None
    pack: PackRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchItem:
    """A passage found. `text` is the chunk's, of a large table an excerpt; `matches` stand beside the constraints:
    satisfied, violated or unknown (R16). `terms` are those of heading and text."""

    chunk: Chunk
    hit: Hit
    text: str
    terms: tuple[str, ...]
    matches: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What was found and how. `incidents` holds RAG_CROSS_TENANT_HIT when `foreign_hits` were dropped: a P0 alarm
    (R36). `branches_undegraded` and each hit's `branch_ranks` are what confidence needs (E57). `trace` has one entry
    per step of R1."""

    items: tuple[SearchItem, ...]
    constraints: tuple[Constraint, ...]
    choice: ModeChoice
    log: SearchLog
    normalised_query: str
    rewritten_query: str
    constraint_diff: tuple[str, ...] = ()
    pack: EvidencePack | None = None
    foreign_hits: int = 0
    stale_hits: int = 0
    incidents: tuple[str, ...] = ()
    branches_undegraded: tuple[str, ...] = ()
    trace: tuple[dict[str, Any], ...] = ()

    @property
    def constraints_preserved(self) -> bool:
        """False when a proposed rewrite changed a constraint and was not used (R13)."""
        return not self.constraint_diff
