"""Entries of a search index, a scope that sees them, and the two ways to look."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.domain.retrieval import IndexEntry, Scope
from shared.domain.terms import codes, terms, unique_terms
from shared.ports.reading import ChunkIndex

DIMENSION = 384
TENANT, OTHER = "ten_a", "ten_b"


def vector(*leading: float) -> list[float]:
    """A vector with these first numbers and a small rest, so that no vector is zero."""
    return [*leading, *([0.01] * (DIMENSION - len(leading)))]


def entry(chunk_id: str, text: str, **changes: Any) -> IndexEntry:
    """An entry of supplier s1 of project p1, unless told otherwise."""
    heading = changes.pop("heading", "")
    plain = IndexEntry(
        entry_id=chunk_id,
        chunk_id=chunk_id.split("#")[0],
        document_id="d1",
        project_id="p1",
        supplier_id="s1",
        doc_type="bid",
        chunk_type="text",
        language="en",
        terms=" ".join(terms(text)),
        heading_terms=" ".join(terms(heading)),
        code_terms=" ".join(codes(text)),
        page_from=1,
        page_to=1,
        token_count=10,
        quality=1.0,
        content_hash="h",
    )
    return replace(plain, **changes)


def scope(**changes: Any) -> Scope:
    """Supplier s1 of project p1."""
    return replace(Scope(tenant_id=TENANT, project_id="p1", supplier_id="s1"), **changes)


def found(index: ChunkIndex, where: Scope, question: str, limit: int = 10) -> list[str]:
    """The chunk ids of a lexical search."""
    return [hit.chunk_id for hit in index.lexical(where, unique_terms(question), codes(question), limit=limit)]


def near(index: ChunkIndex, where: Scope, wanted: Sequence[float], limit: int = 10) -> list[str]:
    """The chunk ids of a vector search."""
    return [hit.chunk_id for hit in index.nearest(where, wanted, limit=limit)]
