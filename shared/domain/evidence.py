"""Claims, citations and verdicts: how a verdict must cite (spec 05 sections 1 and 5)."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from shared.domain.blocks import Box
from shared.domain.chunks import Chunk

OUTCOMES = ("pass", "partial", "fail", "not_found", "needs_human")
CITED_OUTCOMES = ("pass", "partial", "fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk as a criterion sees it: `branch_ranks` has the rank (from 1) in each branch that found it,
    `quality` is the mean quality of its blocks, 0..1."""

    chunk: Chunk
    branch_ranks: dict[str, int] = field(default_factory=dict)
    quality: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A quoted place. `quote` equals chunk text [start:end]; `box` encloses it on its page, `boxes` has one
    per line; `match` is exact or normalised (E46)."""

    chunk_id: str
    parse_run_id: str
    document_id: str
    page: int
    box: Box
    boxes: tuple[Box, ...]
    start: int
    end: int
    quote: str
    match: str = "exact"
    is_primary: bool = False
    locator: str | None = None
    citation_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One sentence with its stance (supports, contradicts, absent) and citations."""

    text: str
    stance: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewReason:
    """Why a person must decide: code of spec D125 with the measured value and its threshold."""

    code: str
    value: str
    threshold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One revision of the result of one criterion; `score` is None unless score_state is scored.
    `source` is rule, formula, model or person; confidence and coverage are 0..1."""

    criterion_id: str
    source: str
    outcome: str
    score_state: str
    score: Decimal | None
    max_score: Decimal
    weight: Decimal
    reason: str
    claims: tuple[Claim, ...] = ()
    unsupported_claims: tuple[Claim, ...] = ()
    confidence: Decimal | None = None
    confidence_parts: dict[str, str] = field(default_factory=dict)
    review_reasons: tuple[ReviewReason, ...] = ()
    pack_id: str | None = None
    search_log_id: str | None = None
    decision_id: str | None = None
    versions: dict[str, Any] = field(default_factory=dict)
    input_hash: str = ""
    expert_only: bool = False
    verdict_id: str = ""
    revision: int = 1
    supersedes: str | None = None
