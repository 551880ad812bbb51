"""Turn chunks into what the index keeps of them (spec 04 section 9, P67)."""

from collections.abc import Sequence

from shared.domain.chunks import Chunk
from shared.domain.retrieval import IndexEntry
from shared.domain.terms import codes, terms


def embedded_text(heading_path: Sequence[str], text: str) -> str:
    """What is embedded for a passage: its headings, then its text, so that a bare table still says what it is of."""
    return "\n".join([" > ".join(heading_path), text]) if heading_path else text


def index_entry(
    chunk: Chunk, *, vector: Sequence[float] | None = None, view: tuple[int, int, str] | None = None
) -> IndexEntry:
    """The entry of a chunk, or of one of its row-group views (first row, last row, text)."""
    text = chunk.text if view is None else view[2]
    heading = "\n".join(chunk.heading_path)
    pages = [position.page for position in chunk.positions] or [1]
    return IndexEntry(
        entry_id=chunk.chunk_id if view is None else f"{chunk.chunk_id}#r{view[0]}-{view[1]}",
        chunk_id=chunk.chunk_id,
        document_id=chunk.document_id,
        project_id=chunk.project_id,
        supplier_id=chunk.supplier_id,
        doc_type=chunk.doc_type,
        chunk_type=chunk.chunk_type,
        language=chunk.language,
        terms=" ".join(terms(text)),
        heading_terms=" ".join(terms(heading)),
        code_terms=" ".join(codes(f"{heading}\n{text}")),
        page_from=min(pages),
        page_to=max(pages),
        token_count=chunk.token_count,
        quality=chunk.quality,
        content_hash=chunk.content_hash,
        vector=vector,
    )
