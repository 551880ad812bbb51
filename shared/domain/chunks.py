"""The unit that is searched and cited: text with the places it stands at (spec P70, P71)."""

from dataclasses import dataclass

from shared.domain.blocks import Box


@dataclass(frozen=True, slots=True)
class Position:
    """Where a span of the chunk's text stands: one per line (or table row) group."""

    page: int
    box: Box
    start: int
    end: int
    locator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """`overlap_chars` is how many leading code points repeat the chunk before; `ordinal` counts from 0.
    `chunk_type` is text, table, list, image or formula. `quality` is 0..1."""

    chunk_id: str
    document_id: str
    parse_run_id: str
    ordinal: int
    chunk_type: str
    text: str
    content_hash: str
    heading_path: tuple[str, ...]
    block_ids: tuple[str, ...]
    token_count: int
    overlap_chars: int
    language: str
    quality: float
    parser: str
    parser_version: str
    chunker_version: str
    positions: tuple[Position, ...]
    project_id: str = ""
    supplier_id: str | None = None
    doc_type: str = "bid"
