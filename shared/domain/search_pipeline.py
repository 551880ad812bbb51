"""The pure steps of a search: prepare the question, check and score what was found, write the log (spec 04)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.chunks import Chunk
from shared.domain.constraint_matching import VIOLATED, match_constraints
from shared.domain.errors import Refused
from shared.domain.fusion import fold_duplicates
from shared.domain.packing import PackCandidate, pack_evidence
from shared.domain.query_constraints import CONSTRAINTS_VERSION, Constraint, query_constraints
from shared.domain.query_modes import QUERY_TYPES, ModeChoice, choose_mode, classify
from shared.domain.query_variants import Variant, accepted_rewrite, query_variants
from shared.domain.reranking import RERANKER_ID, Candidate, rerank
from shared.domain.retrieval import EvidencePack, Hit
from shared.domain.scoping import admits
from shared.domain.search_request import PackRequest, SearchItem, SearchQuery
from shared.domain.synonyms import DICTIONARY_VERSION
from shared.domain.table_excerpts import table_excerpt
from shared.domain.term_version import TERM_VERSION
from shared.domain.terms import fold, terms, unique_terms
from shared.domain.tokens import count_tokens

CONFIG_VERSION = f"search-1/terms-{TERM_VERSION}/{CONSTRAINTS_VERSION}/{DICTIONARY_VERSION}/{RERANKER_ID}"
# Chunks kept for rerank and packing (R30).
KEPT = 20
_HAN = re.compile("[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query after normalising, reading its constraints, rewriting, classifying and choosing a mode."""

    normalised: str
    text: str
    difference: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    choice: ModeChoice
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Hits after the second look at the scope; foreign ones are an incident, stale ones are not (R36)."""

    hits: list[Hit]
    chunks: dict[str, Chunk]
    foreign: int
    stale: int


def prepare(query: SearchQuery) -> Question:
    """Steps 1 to 6 of R1. An asked query type wins unless the work is of high risk (R10).

    Raises Refused REQ_VALIDATION_FAILED for a text without one searchable term."""
    text, difference = accepted_rewrite(query.text, query.rewrite)
    said = query_constraints(text)
    told = [Constraint(kind="must_include", start=0, end=0, term=fold(term)) for term in query.must_include_terms]
    told += [Constraint(kind="must_exclude", start=0, end=0, term=fold(term)) for term in query.must_exclude_terms]
    explicit = query.query_type in QUERY_TYPES
    query_type = str(query.query_type) if explicit else classify(text, said)[0]
    choice = choose_mode(
        query_type,
        purpose=query.purpose,
        high_risk=query.high_risk,
        risk_score=query.risk_score,
        hint=query.mode_hint,
        explicit=explicit,
    )
    language = query.language if query.language in ("zh", "en") else "zh" if _HAN.search(text) else "en"
    variants = query_variants(
        query.text,
        rewrite=text,
        phrases=[*query.phrases, *query.must_include_terms],
        synonyms=query.synonyms,
        negated=choice.mode == "mix",
        language=language,
    )
    if not variants:
        raise Refused("REQ_VALIDATION_FAILED", "the query has no searchable term", details={"field": "query"})
    return Question(
        normalised=" ".join(fold(query.text).split()),
        text=text,
        difference=tuple(difference),
        constraints=(*said, *told),
        choice=choice,
        variants=tuple(variants),
    )


def check_scope(query: SearchQuery, hits: Sequence[Hit], chunks: Sequence[Chunk]) -> Checked:
    """Look at every hit again: its document must be of the scope and indexed, its chunk current (R3, R36)."""
    states = {document.document_id: document.status for document in query.documents}
    loaded = {chunk.chunk_id: chunk for chunk in chunks}
    kept, foreign, stale = [], 0, 0
    for hit in hits:
        chunk = loaded.get(hit.chunk_id)
        if hit.document_id not in states or (chunk is not None and not _belongs(query, hit, chunk)):
            foreign += 1
        elif chunk is None or states[hit.document_id] != "indexed":
            stale += 1
        else:
            kept.append(hit)
    return Checked(hits=kept, chunks=loaded, foreign=foreign, stale=stale)


def _belongs(query: SearchQuery, hit: Hit, chunk: Chunk) -> bool:
    return chunk.document_id == hit.document_id and admits(
        query.scope,
        project_id=chunk.project_id,
        supplier_id=chunk.supplier_id,
        doc_type=chunk.doc_type,
        document_id=chunk.document_id,
    )


def score(query: SearchQuery, question: Question, checked: Checked) -> list[SearchItem]:
    """Mark constraints, drop what the caller excludes, fold near duplicates, rerank; best first."""
    asked = unique_terms(question.text)
    cut = {hit.chunk_id: tuple(terms("\n".join([*_path(checked, hit), _text(checked, hit)]))) for hit in checked.hits}
    marks = {hit.chunk_id: match_constraints(question.constraints, _text(checked, hit)) for hit in checked.hits}
    allowed = [hit for hit in checked.hits if not _dropped(query, question.constraints, marks[hit.chunk_id])]
    hashes = {chunk_id: chunk.content_hash for chunk_id, chunk in checked.chunks.items()}
    sets = {chunk_id: frozenset(found) for chunk_id, found in cut.items()}
    kept = fold_duplicates(allowed, hashes, sets, keep=max(KEPT, query.top_k))
    if query.rerank or question.choice.mode == "mix":
        candidates = [Candidate(hit=h, terms=cut[h.chunk_id], matches=tuple(marks[h.chunk_id])) for h in kept]
        kept = rerank(candidates, asked)
    return [
        SearchItem(
            chunk=checked.chunks[hit.chunk_id],
            hit=hit,
            text=_shown(checked.chunks[hit.chunk_id], asked),
            terms=cut[hit.chunk_id],
            matches=tuple(marks[hit.chunk_id]),
            reason=", ".join(f"{name} #{rank}" for name, rank in sorted(hit.branch_ranks.items())),
        )
        for hit in kept
    ]


def _path(checked: Checked, hit: Hit) -> tuple[str, ...]:
    return checked.chunks[hit.chunk_id].heading_path


def _text(checked: Checked, hit: Hit) -> str:
    return checked.chunks[hit.chunk_id].text


def _shown(chunk: Chunk, asked: Sequence[str]) -> str:
    return table_excerpt(chunk.text, asked) if chunk.chunk_type == "table" else chunk.text


def _dropped(query: SearchQuery, constraints: Sequence[Constraint], marks: Sequence[str]) -> bool:
    """R15: asked exclusions always filter. Those read from the text filter a search only: for an evaluation the
    excluded thing is the very evidence. Numbers filter a strict search only."""
    for constraint, mark in zip(constraints, marks, strict=True):
        asked = constraint.start == constraint.end
        if mark == VIOLATED and constraint.kind == "must_exclude" and (asked or query.purpose == "search"):
            return True
        if mark == VIOLATED and constraint.kind in ("numeric", "time") and query.strict and query.purpose == "search":
            return True
    return False


def pack_items(
    items: Sequence[SearchItem], request: PackRequest, *, search_log_id: str, index_generation: int
) -> EvidencePack:
    """The evidence pack of the items found (R45-R49)."""
    candidates = [
        PackCandidate(
            chunk_id=item.chunk.chunk_id,
            parse_run_id=item.chunk.parse_run_id,
            document_id=item.chunk.document_id,
            content_hash=item.chunk.content_hash,
            token_count=count_tokens(item.text),
            section=item.chunk.heading_path,
            relevance=item.hit.score_fused if item.hit.score_rerank is None else item.hit.score_rerank,
            quality=item.chunk.quality,
            branch_ranks=item.hit.branch_ranks,
            terms=frozenset(item.terms),
            matches=item.matches,
        )
        for item in items
    ]
    return pack_evidence(
        candidates,
        pack_id=request.pack_id,
        search_log_id=search_log_id,
        index_generation=index_generation,
        config_version=CONFIG_VERSION,
        minimum=request.minimum,
        maximum=request.maximum,
        token_limit=request.token_limit,
    )


def coverage_of(query: SearchQuery, question: Question, checked: Checked) -> dict[str, Any]:
    """What was searched and what could not be (R3, R50)."""
    indexed = [document for document in query.documents if document.status == "indexed"]
    unreadable: Mapping[str, list[int]] = {
        d.document_id: list(d.incomplete_pages) for d in indexed if d.incomplete_pages
    }
    return {
        "documents": [document.document_id for document in indexed],
        "pages": sum(document.pages or 0 for document in indexed),
        "missing_documents": [document.document_id for document in query.documents if document.status != "indexed"],
        "unreadable_pages": unreadable,
        "mode": question.choice.mode,
        "mode_reason": question.choice.reason,
        "query_type": question.choice.query_type,
        "foreign_hits": checked.foreign,
        "stale_hits": checked.stale,
    }
