"""From a verified draft to the suggestion that is stored: measures, triggers, verdict, pack (spec W71, W72)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from shared.domain.canonical_json import digest, plain_decimal
from shared.domain.chunks import Chunk
from shared.domain.claims import citation_coverage
from shared.domain.confidence import measure, score_deviation_pct
from shared.domain.criteria import Criterion
from shared.domain.evaluations import Signals, review_reasons
from shared.domain.evidence import Claim, Passage, ReviewReason, Verdict
from shared.domain.packing import MOST_ITEMS
from shared.domain.plans import GRAPH_VERSION, RULES_VERSION
from shared.domain.retrieval import EvidenceItem, EvidencePack
from shared.domain.verdict_drafts import Draft

# Measures that stand beside the components of confidence in `confidence_parts`; score_bid reads the interval.
LOW, HIGH, COVERAGE, DEVIATION = "score_low", "score_high", "citation_coverage", "score_deviation_pct"


def measured(
    criterion: Criterion,
    draft: Draft,
    evidence: Mapping[str, Any],
    *,
    claims: Sequence[Claim],
    unsupported: Sequence[Claim],
    passages: Sequence[Passage],
) -> dict[str, Any]:
    """Confidence, its parts and the reasons why a person must decide, as JSON (E49, E56-E59, E64-E69)."""
    confidence = measure(
        claims,
        unsupported,
        passages,
        branches=evidence["branches"],
        minimum=criterion.evidence_min,
        stability=Decimal(draft["stability"]),
        fact_chunks=frozenset(draft["fact_chunks"]),
    )
    coverage = citation_coverage(len(claims), len(claims) + len(unsupported))
    deviation = _deviation(criterion, draft)
    parts = {**confidence.parts, LOW: draft["low"], HIGH: draft["high"], COVERAGE: plain_decimal(coverage)}
    if deviation is not None:
        parts[DEVIATION] = plain_decimal(deviation.quantize(Decimal("0.001")))
    values = {"confidence": plain_decimal(confidence.value), "parts": parts, "reasons": []}
    verdict = suggested_verdict(
        criterion,
        draft,
        values,
        claims=claims,
        unsupported=unsupported,
        evidence=evidence,
        input_hash="",
        verdict_id="",
    )
    causes, degraded = tuple(draft["reasons"]), tuple(evidence["degraded"])
    signals = Signals(causes=causes, coverage=coverage, deviation_pct=deviation, degraded=degraded)
    return {**values, "reasons": [asdict(reason) for reason in review_reasons(verdict, criterion, signals)]}


def _deviation(criterion: Criterion, draft: Draft) -> Decimal | None:
    """Between the two ends that open checklist items leave to a score; None for one estimate (E59)."""
    low, high = Decimal(draft["low"]), Decimal(draft["high"])
    ends = [low, high] if draft["score"] is not None and low != high else []
    return score_deviation_pct(ends, criterion.max_score)


def suggested_verdict(
    criterion: Criterion,
    draft: Draft,
    values: Mapping[str, Any],
    *,
    claims: Sequence[Claim],
    unsupported: Sequence[Claim],
    evidence: Mapping[str, Any],
    input_hash: str,
    verdict_id: str,
) -> Verdict:
    """Revision 1 of the criterion, with the versions it was made by (E7)."""
    return Verdict(
        criterion_id=criterion.criterion_id,
        source=draft["source"],
        outcome=draft["outcome"],
        score_state=draft["score_state"],
        score=None if draft["score"] is None else Decimal(draft["score"]),
        max_score=criterion.max_score,
        weight=criterion.weight,
        reason=draft["reason"],
        claims=tuple(claims),
        unsupported_claims=tuple(unsupported),
        confidence=Decimal(values["confidence"]),
        confidence_parts=dict(values["parts"]),
        review_reasons=tuple(ReviewReason(**reason) for reason in values["reasons"]),
        pack_id=evidence["pack"]["pack_id"],
        search_log_id=evidence["search_log_id"],
        versions={
            "graph": GRAPH_VERSION,
            "rules": RULES_VERSION,
            "retrieval": evidence["pack"]["config_version"],
            "index_generation": evidence["pack"]["index_generation"],
        },
        input_hash=input_hash,
        verdict_id=verdict_id,
    )


def packed_with(evidence: Mapping[str, Any], cited: Sequence[Chunk]) -> EvidencePack:
    """The pack of the search with every cited chunk in it; uncited items make room from the end (R45)."""
    stored = evidence["pack"]
    ranks = {entry["chunk_id"]: dict(entry["ranks"]) for entry in evidence["ranks"]}
    items = [EvidenceItem(**item) for item in stored["items"]]
    held = {item.chunk_id for item in items}
    needed = {chunk.chunk_id for chunk in cited}
    added = [_item(chunk, ranks.get(chunk.chunk_id, {})) for chunk in cited if chunk.chunk_id not in held]
    room = max(0, MOST_ITEMS - len(added) - sum(item.chunk_id in needed for item in items))
    kept = []
    for item in items:
        if item.chunk_id in needed:
            kept.append(item)
        elif room:
            kept.append(item)
            room -= 1
    pack = EvidencePack(**{**stored, "items": (*kept, *added)})
    content = [[item.chunk_id, item.content_hash, item.token_count] for item in pack.items]
    frozen = {"items": content, "index_generation": pack.index_generation, "config_version": pack.config_version}
    tokens = sum(item.token_count for item in pack.items)
    sufficient = pack.sufficient or bool(added)
    return replace(pack, token_count=tokens, sufficient=sufficient, pack_hash=digest(frozen))


def _item(chunk: Chunk, ranks: dict[str, int]) -> EvidenceItem:
    return EvidenceItem(
        chunk_id=chunk.chunk_id,
        parse_run_id=chunk.parse_run_id,
        document_id=chunk.document_id,
        content_hash=chunk.content_hash,
        token_count=chunk.token_count,
        branch_ranks=ranks,
        score=0.0,
    )
