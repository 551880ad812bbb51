"""Decide which entries a scope admits and which names an index may have (spec R33-R36)."""

import re
from collections.abc import Iterable

from shared.domain.errors import Permanent
from shared.domain.retrieval import RankedId, Scope

TENDER = "tender"
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")


def admits(scope: Scope, *, project_id: str, supplier_id: str | None, doc_type: str, document_id: str) -> bool:
    """Tell whether the scope may read this entry: filter order project, document, supplier, type (R34).

    With a supplier: that supplier's entries, and the tender documents when `tender`. Without one: tender
    documents when `tender`, else what belongs to no supplier. So no scope ever reads two suppliers."""
    if project_id != scope.project_id:
        return False
    if scope.document_ids and document_id not in scope.document_ids:
        return False
    if scope.doc_types and doc_type not in scope.doc_types:
        return False
    of_tender = doc_type == TENDER and supplier_id is None
    if scope.supplier_id is None:
        return of_tender if scope.tender else supplier_id is None
    return supplier_id == scope.supplier_id or (scope.tender and of_tender)


def index_name(*segments: str) -> str:
    """Join segments of an index, alias or folder name; other characters: Permanent TENANT_SCOPE_VIOLATION (R35)."""
    for segment in segments:
        if not _SEGMENT.fullmatch(segment):
            raise Permanent("TENANT_SCOPE_VIOLATION", f"{segment!r} cannot be part of an index name")
    return "-".join(segments)


def check_tenant(scope: Scope, tenant_id: str) -> None:
    """Refuse a scope of another tenant: Permanent RAG_CROSS_TENANT_HIT."""
    if scope.tenant_id != tenant_id:
        raise Permanent("RAG_CROSS_TENANT_HIT", "the scope names another tenant than the index")


def chunk_of(entry_id: str) -> str:
    """The chunk of an entry: a row-group view is `<chunk_id>#r<first>-<last>` (R56)."""
    return entry_id.split("#", 1)[0]


def best_per_chunk(found: Iterable[tuple[str, str, float]], *, limit: int) -> list[RankedId]:
    """Rank (entry_id, document_id, score; higher is better): the best entry of each chunk, ties by chunk_id."""
    best: dict[str, tuple[float, str]] = {}
    for entry_id, document_id, score in found:
        chunk_id = chunk_of(entry_id)
        if chunk_id not in best or score > best[chunk_id][0]:
            best[chunk_id] = (score, document_id)
    ordered = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))[:limit]
    return [RankedId(chunk_id, doc, rank, score) for rank, (chunk_id, (score, doc)) in enumerate(ordered, start=1)]
