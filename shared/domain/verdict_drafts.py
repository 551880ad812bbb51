"""A verdict on its way through the criterion graph as plain JSON: spans instead of document text (spec W80)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared.domain.canonical_json import plain_decimal
from shared.domain.chunks import Chunk
from shared.domain.citing import cite
from shared.domain.evidence import Citation, Claim
from shared.domain.rule_results import RuleResult

Draft = dict[str, Any]
ChunkOf = Callable[[str, str], Chunk]


def undecided() -> Draft:
    """The draft of a criterion that rules do not decide."""
    return {"undecided": True}


def draft_of(result: RuleResult, *, source: str) -> Draft:
    """The draft of a rule's answer; `source` is rule, formula or model."""
    return {
        "undecided": False,
        "source": source,
        "outcome": result.outcome,
        "score_state": result.score_state,
        "score": None if result.score is None else plain_decimal(result.score),
        "reason": result.reason,
        "stability": plain_decimal(result.stability),
        "low": plain_decimal(result.low),
        "high": plain_decimal(result.high),
        "reasons": list(result.reasons),
        "items": [{"code": i.code, "state": i.state, "points": plain_decimal(i.points)} for i in result.items],
        "fact_chunks": sorted(result.fact_chunks),
        "claims": [_packed(claim) for claim in result.claims],
        "unsupported": [_packed(claim) for claim in result.unsupported],
        "removed": len(result.unsupported),
    }


def withdrawn(draft: Draft, reason: str, code: str, maximum: str) -> Draft:
    """The draft without its outcome and score, because no supported claim is left (E1)."""
    return {
        **draft,
        "outcome": "needs_human",
        "score_state": "insufficient_evidence",
        "score": None,
        "reason": reason,
        "low": "0",
        "high": maximum,
        "reasons": list(dict.fromkeys([*draft["reasons"], code])),
    }


def claims_of(packed: Sequence[Mapping[str, Any]], chunk_of: ChunkOf) -> list[Claim]:
    """The claims with their quotes as the chunks hold them now.

    Raises Permanent CITATION_QUOTE_MISMATCH for a span outside its chunk."""
    claims = []
    for entry in packed:
        citations = tuple(_citation(span, chunk_of) for span in entry["spans"])
        claims.append(Claim(text=_text(entry["text"], chunk_of), stance=entry["stance"], citations=citations))
    return claims


def cited_chunks(draft: Draft) -> list[tuple[str, str]]:
    """(parse run, chunk) of every citation, in order, once."""
    spans = [span for entry in draft["claims"] for span in entry["spans"]]
    return list(dict.fromkeys((span["parse_run_id"], span["chunk_id"]) for span in spans))


def _packed(claim: Claim) -> dict[str, Any]:
    return {
        "stance": claim.stance,
        "spans": [_span(citation) for citation in claim.citations],
        "text": _packed_text(claim),
    }


def _span(citation: Citation) -> dict[str, Any]:
    return {
        "parse_run_id": citation.parse_run_id,
        "chunk_id": citation.chunk_id,
        "start": citation.start,
        "end": citation.end,
        "primary": citation.is_primary,
        "match": citation.match,
    }


def _packed_text(claim: Claim) -> dict[str, Any]:
    """A claim that repeats its quote, or a part of it after a label, keeps the label and the place of the rest."""
    label, colon, rest = claim.text.partition(": ")
    for prefix, body in (("", claim.text), (label + colon, rest)):
        for citation in claim.citations:
            at = citation.quote.find(body) if body else -1
            if at >= 0:
                place = {"start": citation.start + at, "end": citation.start + at + len(body)}
                where = {"parse_run_id": citation.parse_run_id, "chunk_id": citation.chunk_id}
                return {"prefix": prefix, **where, **place}
    return {"prefix": claim.text}


def _text(packed: Mapping[str, Any], chunk_of: ChunkOf) -> str:
    if "chunk_id" not in packed:
        return str(packed["prefix"])
    chunk = chunk_of(packed["parse_run_id"], packed["chunk_id"])
    return str(packed["prefix"]) + chunk.text[packed["start"] : packed["end"]]


def _citation(span: Mapping[str, Any], chunk_of: ChunkOf) -> Citation:
    chunk = chunk_of(span["parse_run_id"], span["chunk_id"])
    return cite(chunk, span["start"], span["end"], is_primary=span["primary"], match=span["match"])
