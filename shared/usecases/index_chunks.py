"""IndexChunks: embed and index in portions until all is acknowledged or time runs out (spec W36, R56, P77)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.domain.chunks import Chunk
from shared.domain.errors import Permanent, Retryable
from shared.domain.index_entries import index_entry, planned_entries
from shared.domain.ingest_plan import INDEXED, MAX_ROUNDS, WITH_FACTS
from shared.domain.retrieval import IndexEntry
from shared.ports.reading import ChunkIndex, Embedder
from shared.ports.records import Records

PORTION = 8
RESERVE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChunks:
    """Which document and parse run; `round` counts the calls before this one."""

    document_id: str
    parse_run_id: str
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedChunks:
    """`more`: call again with this round."""

    more: bool
    round: int
    acked: int


def index_chunks(
    command: IndexChunks,
    *,
    records: Records,
    index: ChunkIndex,
    embedder: Embedder,
    time_left: Callable[[], float],
) -> IndexedChunks:
    """Index what is not acknowledged yet; stopping for time is a normal result (W126).

    Raises Retryable INDEX_WRITE_PARTIAL when entries were refused (their rows say failed), Permanent
    CHUNKS_INCOMPLETE after 20 rounds, INDEX_DIMENSION_MISMATCH for another embedding profile."""
    generation = records.chunks.writes.generation(embedder.profile_id)
    work = _Work(command, records, index, embedder, time_left, generation)
    work.begin()
    left = records.chunks.writes.open(command.parse_run_id, generation=generation)
    refused: list[str] = []
    while left and time_left() > RESERVE_SECONDS:
        portion = records.chunks.of_run(command.parse_run_id, left[:PORTION])
        entries = work.entries(portion)
        if entries is None:
            break
        refused += work.write(portion, entries)
        left = left[PORTION:]
    acked = work.note_progress()
    if refused:
        raise Retryable("INDEX_WRITE_PARTIAL", details={"failed": refused[:100], "acked": acked})
    if left and command.round + 1 >= MAX_ROUNDS:
        raise Permanent("CHUNKS_INCOMPLETE", "not indexed in 20 rounds", details={"left": len(left)})
    return IndexedChunks(more=bool(left), round=command.round + 1, acked=acked)


@dataclass(frozen=True, slots=True)
class _Work:
    command: IndexChunks
    records: Records
    index: ChunkIndex
    embedder: Embedder
    time_left: Callable[[], float]
    generation: int

    def begin(self) -> None:
        """Move the document to indexing and plan one row per chunk.

        An index that lost acknowledged chunks, or holds those of another parse run, starts over (D1: it is derived)."""
        records, command = self.records, self.command
        writes, run_id = records.chunks.writes, command.parse_run_id
        with records.transaction():
            document = records.documents.get(command.document_id, lock=True)
            if document.status == "parsed":
                records.moves.document(document, "indexing")
            writes.plan(run_id, command.document_id, generation=self.generation)
            acked, found = writes.acked(run_id, generation=self.generation), self.index.count(command.document_id)
            if found > records.chunks.count(run_id) or (found and not acked):
                self.index.remove_document(command.document_id)
                found = 0
            if found < acked:
                every = [chunk.chunk_id for chunk in records.chunks.of_run(run_id)]
                writes.mark(run_id, every, "pending", generation=self.generation)

    def entries(self, chunks: Sequence[Chunk]) -> list[IndexEntry] | None:
        """The entries of the chunks with their vectors, or None when time ran out while embedding."""
        plan = planned_entries(chunks)
        vectors = self._vectors([text for _, _, text in plan if text is not None])
        if vectors is None:
            return None
        following = iter(vectors)
        return [
            index_entry(chunk, view=view, vector=None if text is None else next(following))
            for chunk, view, text in plan
        ]

    def write(self, chunks: Sequence[Chunk], entries: Sequence[IndexEntry]) -> list[str]:
        """Add the entries and mark the rows; the ids of chunks that were refused."""
        refused: set[str] = set()
        try:
            self.index.add(entries, generation=self.generation)
        except Retryable as error:
            if error.code != "INDEX_WRITE_PARTIAL":
                raise
            refused = {str(entry_id).partition("#")[0] for entry_id in error.details["failed"]}
        ids, writes = [chunk.chunk_id for chunk in chunks], self.records.chunks.writes
        good, bad = [i for i in ids if i not in refused], [i for i in ids if i in refused]
        with self.records.transaction():
            writes.mark(self.command.parse_run_id, good, "acked", generation=self.generation)
            writes.mark(
                self.command.parse_run_id, bad, "failed", generation=self.generation, error_code="INDEX_WRITE_PARTIAL"
            )
            self.note_progress()
        return bad

    def note_progress(self) -> int:
        """Tell the job how far it is; returns the acknowledged chunks."""
        acked = self.records.chunks.writes.acked(self.command.parse_run_id, generation=self.generation)
        share = acked / max(1, self.records.chunks.count(self.command.parse_run_id))
        filters = {"type": "ingest_document", "resource_id": self.command.document_id}
        job = self.records.jobs.list(filters=filters, before=None, limit=1)[0]
        done = WITH_FACTS + int((INDEXED - WITH_FACTS) * share)
        self.records.jobs.progress(job.job_id, done=done, step="IndexChunks")
        return acked

    def _vectors(self, texts: Sequence[str]) -> list[list[float]] | None:
        """One vector per text; the embedder keeps what it computed, so stopping for time loses nothing."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), PORTION):
            if self.time_left() <= RESERVE_SECONDS:
                return None
            vectors += self.embedder.passages(texts[start : start + PORTION])
        return vectors
