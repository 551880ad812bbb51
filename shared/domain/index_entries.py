"""Turn chunks into what the index keeps of them (spec 04 section 9, P67)."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from shared.domain.chunk_tables import RowView, row_views
from shared.domain.chunks import Chunk
from shared.domain.retrieval import IndexEntry, KeptEntry
from shared.domain.terms import codes, terms

PORTION = 8  # entries whose texts are embedded between two looks at the time


class PlannedEntry(NamedTuple):
    """An entry that a chunk gets: the chunk itself or a view of its rows, and the text that is embedded for it."""

    chunk: Chunk
    view: RowView | None
    text: str | None

    @property
    def entry_id(self) -> str:
        """chunk_id, or chunk_id#r<first>-<last> (R56)."""
        return entry_id(self.chunk, self.view)


def planned_entries(chunks: Iterable[Chunk]) -> list[PlannedEntry]:
    """The entries of the chunks. A table with row views is found by the vectors of its rows; one vector of the whole
    would say nothing."""
    plan: list[PlannedEntry] = []
    for chunk in chunks:
        views = row_views(chunk)
        plan.append(PlannedEntry(chunk, None, None if views else embedded_text(chunk.heading_path, chunk.text)))
        plan += [PlannedEntry(chunk, view, embedded_text(chunk.heading_path, view.text)) for view in views]
    return plan


def embedded_entries(
    plan: Sequence[PlannedEntry],
    passages: Callable[[Sequence[str]], Iterable[Sequence[float]]],
    *,
    has_time: Callable[[], bool],
) -> list[IndexEntry]:
    """The planned entries with the vectors of their texts, the first ones only when time runs out on the way.

    The embedder keeps what it computed, so stopping for time loses nothing."""
    made: list[IndexEntry] = []
    for start in range(0, len(plan), PORTION):
        if not has_time():
            break
        portion = plan[start : start + PORTION]
        vectors = iter(passages([one.text for one in portion if one.text is not None]))
        made += [
            index_entry(one.chunk, view=one.view, vector=None if one.text is None else next(vectors)) for one in portion
        ]
    return made


def expected_entries(plan: Iterable[PlannedEntry]) -> dict[str, KeptEntry]:
    """What the index should say of the planned entries, by entry id (W118)."""
    return {one.entry_id: KeptEntry(one.chunk.content_hash, one.text is not None) for one in plan}


def entry_id(chunk: Chunk, view: tuple[int, int, str] | None) -> str:
    """The id of a chunk's entry, or of one of its views (R56)."""
    return chunk.chunk_id if view is None else f"{chunk.chunk_id}#r{view[0]}-{view[1]}"


def count_found(chunks: Iterable[Chunk], entry_ids: Iterable[str]) -> int:
    """How many of the chunks have an entry among these, of which some may be those of another parse run."""
    kept = {one.partition("#")[0] for one in entry_ids}
    return sum(chunk.chunk_id in kept for chunk in chunks)


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
        entry_id=entry_id(chunk, view),
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
