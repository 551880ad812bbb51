"""Rows of evaluations and reviews (spec D59-D68); the rules about them are in evaluations.py and decisions.py."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A row of `evaluations`; `score_low` and `score_high` bound the total while it is open (E81)."""

    evaluation_id: str
    project_id: str
    supplier_id: str
    bid_id: str
    rule_pack_id: str
    rule_pack_version: int
    status: str
    stage: str
    plan_id: str
    rerun_of: str | None = None
    rerun_no: int = 0
    forced_review: bool = False
    total_score: Decimal | None = None
    max_total: Decimal | None = None
    score_low: Decimal | None = None
    score_high: Decimal | None = None
    confidence: Decimal | None = None
    citation_coverage: Decimal | None = None
    score_deviation_pct: Decimal | None = None
    risk_level: str | None = None
    needs_human_review: bool = False
    review_reasons: list[dict[str, Any]] = field(default_factory=list)
    report_version: int | None = None
    error_code: str | None = None
    job_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    created_by: str = ""
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A row of `reviews`; `due_at` is the judge of lateness (W88)."""

    review_id: str
    evaluation_id: str
    project_id: str
    round: int
    mode: str
    status: str
    reasons: list[dict[str, Any]]
    due_at: datetime
    claimed_by: str | None = None
    claim_expires_at: datetime | None = None
    resume_token_hash: str | None = None
    resume_token_expires_at: datetime | None = None
    decision: str | None = None
    comment: str | None = None
    edits: list[dict[str, Any]] = field(default_factory=list)
    submitted_by: str | None = None
    submitted_at: datetime | None = None
    created_at: datetime | None = None
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem:
    """One thing to decide; `criterion_id` None means the whole evaluation."""

    item_id: str
    review_id: str
    criterion_id: str | None
    verdict_id: str | None
    thread_id: str | None
    interrupt_id: str | None
    reason_code: str
    reasons: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one person decided about one criterion; append-only."""

    decision_id: str
    review_id: str
    item_id: str | None
    criterion_id: str
    reviewer_id: str
    action: str
    score: Decimal | None
    outcome: str | None
    comment: str
    citations: list[dict[str, Any]] = field(default_factory=list)
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionRun:
    """The thread of one criterion of one evaluation (D61)."""

    evaluation_id: str
    criterion_id: str
    group_no: int
    ordinal: int
    thread_id: str
    status: str
    input_hash: str | None = None
    interrupt_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptThread:
    """What the checkpoints of a criterion's thread say: the graph that began it, and the interrupt it waits at."""

    criterion_id: str
    graph_version: str | None
    interrupt_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A stored callback of a running execution (D67)."""

    wait_id: str
    subject_id: str
    run_id: str
    state_name: str
    token_ciphertext: bytes
    key_version: int
    status: str
    due_at: datetime
    kind: str = "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A stored, immutable report version."""

    report_id: str
    evaluation_id: str
    version: int
    kind: str
    object_key: str
    sha256: str
    size_bytes: int
    pdf_key: str
    pdf_sha256: str
    object_version: str | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    locked_until: datetime | None = None
    supersedes: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """One criterion of one bidder: its current verdict (A98, E82). `verdict_id` None means not decided yet."""

    evaluation_id: str
    evaluation_status: str
    supplier_id: str
    supplier_code: str
    supplier_name: str
    criterion_id: str
    criterion_code: str
    criterion_kind: str
    title: dict[str, str]
    verdict_id: str | None
    outcome: str | None
    score_state: str | None
    score: Decimal | None
    max_score: Decimal
    confidence: Decimal | None
    citation_count: int
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationSource:
    """A citation with what opens its source (A71). Boxes are x0, y0, x1, y1 in points from the top left of the page;
    `before` and `after` are up to 200 characters of context."""

    citation_id: str
    verdict_id: str
    chunk_id: str
    document_id: str
    filename: str
    page: int
    page_width: Decimal | None
    page_height: Decimal | None
    page_kind: str
    box: tuple[float, float, float, float]
    boxes: tuple[tuple[float, float, float, float], ...]
    start: int
    end: int
    quote: str
    before: str
    after: str
    locator: str | None
    match: str
