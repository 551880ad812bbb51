"""What a rule found about one criterion, and the claims that show it (E15-E19, E45)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.domain.citing import cite_sentence
from shared.domain.claims import unsupported_parts
from shared.domain.criteria import Criterion
from shared.domain.evidence import Citation, Claim
from shared.domain.facts import Fact
from shared.domain.rule_texts import field_name, reason_text
from shared.domain.text_tests import Support

SCORED, NOT_APPLICABLE, INSUFFICIENT, PENDING = "scored", "not_applicable", "insufficient_evidence", "pending_cohort"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """A checklist item: `state` is met, not_met, missing or open; `points` count only when met."""

    code: str
    state: str
    points: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """A rule's answer. `score` is None unless score_state is scored. `low` and `high` bound the score that is still
    possible. `stability` is 0..1 (E58). `reasons` are review reason codes (D125). `fact_chunks` are the chunks that
    were cited for a fact rather than found by search."""

    outcome: str
    score_state: str
    score: Decimal | None
    reason: str
    claims: tuple[Claim, ...] = ()
    unsupported: tuple[Claim, ...] = ()
    stability: Decimal = Decimal(0)
    reasons: tuple[str, ...] = ()
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    items: tuple[ItemResult, ...] = ()
    fact_chunks: frozenset[str] = frozenset()


def needs_human(
    criterion: Criterion, key: str, codes: Sequence[str], supports: Sequence[Support], language: str, **parts: object
) -> RuleResult:
    """No decision: no score, the places found so far, and the reason codes."""
    claims, unsupported = claims_of(supports, criterion, language)
    return RuleResult(
        outcome="needs_human",
        score_state=INSUFFICIENT,
        score=None,
        reason=reason_text(key, language, **parts),
        claims=claims,
        unsupported=unsupported,
        reasons=tuple(codes),
        high=criterion.max_score,
        fact_chunks=fact_chunks(supports),
    )


def absent(criterion: Criterion, absence: Sequence[str], language: str) -> RuleResult:
    """`not_found` where the search proves it (absence is empty, R51), else `needs_human` with what is missing."""
    if absence:
        detail = ", ".join(absence)
        return needs_human(criterion, "search_incomplete", ["SEARCH_INCOMPLETE"], (), language, detail=detail)
    return RuleResult(
        outcome="not_found",
        score_state=INSUFFICIENT,
        score=None,
        reason=reason_text("not_found", language),
        reasons=("NOT_FOUND",),
        high=criterion.max_score,
    )


def decided(
    criterion: Criterion, outcome: str, score: Decimal, key: str, supports: Sequence[Support], language: str
) -> RuleResult:
    """A verdict with its claims. Without one supported claim there is no verdict and no score (E1)."""
    claims, unsupported = claims_of(supports, criterion, language)
    if not claims:
        return needs_human(criterion, "insufficient", ["INSUFFICIENT_EVIDENCE"], supports, language)
    scored = criterion.max_score > 0 and criterion.kind != "veto"
    return RuleResult(
        outcome=outcome,
        score_state=SCORED if scored else NOT_APPLICABLE,
        score=score if scored else None,
        reason=reason_text(key, language),
        claims=claims,
        unsupported=unsupported,
        stability=stability_of(supports),
        low=score if scored else Decimal(0),
        high=score if scored else Decimal(0),
        fact_chunks=fact_chunks(supports),
    )


def claims_of(
    supports: Sequence[Support], criterion: Criterion, language: str
) -> tuple[tuple[Claim, ...], tuple[Claim, ...]]:
    """One claim per place, at most `evidence_max` places, split into supported and unsupported (E47, E48)."""
    kept: list[Claim] = []
    dropped: list[Claim] = []
    for number, support in enumerate(_distinct(supports)[: criterion.evidence_max]):
        claim = _claim(support, language, is_primary=number == 0)
        (dropped if unsupported_parts(claim) else kept).append(claim)
    return tuple(kept), tuple(dropped)


def _distinct(supports: Sequence[Support]) -> list[Support]:
    seen: dict[tuple[str, int], Support] = {}
    for support in supports:
        seen.setdefault((chunk_of(support), support.start), support)
    return list(seen.values())


def chunk_of(support: Support) -> str:
    """The id of the chunk that the support cites; raises ValueError for one that names neither chunk nor fact."""
    if support.fact is not None:
        return support.fact.chunk_id
    if support.chunk is None:
        raise ValueError("a support names a chunk or a fact")
    return support.chunk.chunk_id


def _claim(support: Support, language: str, *, is_primary: bool) -> Claim:
    stance = "supports" if support.affirms else "contradicts"
    if support.chunk is None:
        if support.fact is None:
            raise ValueError("a support names a chunk or a fact")
        citation = _fact_citation(support.fact, is_primary=is_primary)
    else:
        citation = cite_sentence(support.chunk, support.start, support.end, is_primary=is_primary)
    text = citation.quote
    if support.fact is not None:
        text = f"{field_name(support.fact.field, language)}: {support.fact.raw_text}"
    return Claim(text=text, stance=stance, citations=(citation,))


def _fact_citation(fact: Fact, *, is_primary: bool) -> Citation:
    return Citation(
        chunk_id=fact.chunk_id,
        parse_run_id=fact.parse_run_id,
        document_id=fact.document_id,
        page=fact.page,
        box=fact.box,
        boxes=(fact.box,),
        start=fact.start,
        end=fact.end,
        quote=fact.raw_text,
        is_primary=is_primary,
    )


def fact_chunks(supports: Sequence[Support]) -> frozenset[str]:
    """The chunks of the facts among the supports."""
    return frozenset(support.fact.chunk_id for support in supports if support.fact is not None)


def stability_of(supports: Sequence[Support]) -> Decimal:
    """E58 for rules: 1.0 when two extractors (for words: two places) agree, 0.7 for one, 0 on conflict."""
    if any(support.fact is not None and support.fact.state == "conflict" for support in supports):
        return Decimal(0)
    extractors = {support.fact.extractor for support in supports if support.fact is not None}
    confirmed = any(s.fact is not None and s.fact.state in ("confirmed", "corrected") for s in supports)
    texts = {(chunk_of(support), support.start) for support in supports if support.fact is None}
    return Decimal(1) if confirmed or len(extractors) > 1 or len(texts) > 1 else Decimal("0.7")
