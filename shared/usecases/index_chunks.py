"""IndexChunks: embed and index in portions until all is acknowledged or time runs out (spec W36, R56, P77)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from shared.domain.chunks import Chunk
from shared.domain.errors import CodedError, Permanent, Retryable
from shared.domain.index_entries import PORTION, count_found, embedded_entries, planned_entries
from shared.domain.ingest_plan import INDEXED, MAX_ROUNDS, WITH_FACTS
from shared.domain.retrieval import IndexEntry
from shared.ports.reading import ChunkIndex, Embedder
from shared.ports.records import Records

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

    Raises INDEX_WRITE_PARTIAL when entries were refused (their rows say failed), Permanent when one was refused for
    what it is, Permanent CHUNKS_INCOMPLETE after 20 rounds, INDEX_DIMENSION_MISMATCH for another embedding profile."""
    generation = records.chunks.writes.generation(embedder.profile_id)
    work = _Work(command, records, index, embedder, time_left, generation)
    work.begin()
    left = records.chunks.writes.open(command.parse_run_id, generation=generation)
    refused: list[CodedError] = []
    while left and time_left() > RESERVE_SECONDS:
        portion = records.chunks.of_run(command.parse_run_id, left[:PORTION])
        entries = work.entries(portion)
        if entries is None:
            break
        problem = work.write(portion, entries)
        refused += [] if problem is None else [problem]
        left = left[PORTION:]
    acked = work.note_progress()
    if refused:
        failed = [str(entry_id).partition("#")[0] for problem in refused for entry_id in problem.details["failed"]]
        lasting = any(isinstance(problem, Permanent) for problem in refused)
        details = {"failed": list(dict.fromkeys(failed))[:100], "acked": acked}
        raise (Permanent if lasting else Retryable)("INDEX_WRITE_PARTIAL", details=details)
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

        An index that lost acknowledged chunks, or holds those of another parse run, starts over (D1: it is derived).
        The entries of the run that an indexed document is searched by stay until the end (P78)."""
        records, command = self.records, self.command
        writes, run_id = records.chunks.writes, command.parse_run_id
        with records.transaction():
            document = records.documents.get(command.document_id, lock=True)
            if document.status == "parsed":
                records.moves.document(document, "indexing")
            writes.plan(run_id, command.document_id, generation=self.generation)
            acked = writes.acked(run_id, generation=self.generation)
            if document.status == "indexed":
                found = count_found(records.chunks.of_run(run_id), self.index.entries(command.document_id))
            else:
                found = self._found_alone(acked)
            if found < acked:
                every = [chunk.chunk_id for chunk in records.chunks.of_run(run_id)]
                writes.mark(run_id, every, "pending", generation=self.generation)

    def _found_alone(self, acked: int) -> int:
        """How many chunks the index has, after what is not of this run was taken out."""
        document_id = self.command.document_id
        found = self.index.count(document_id)
        if found > self.records.chunks.count(self.command.parse_run_id) or (found and not acked):
            self.index.remove_document(document_id)
            return 0
        return found

    def entries(self, chunks: Sequence[Chunk]) -> list[IndexEntry] | None:
        """The entries of the chunks with their vectors, or None when time ran out while embedding."""
        plan = planned_entries(chunks)
        entries = embedded_entries(plan, self.embedder.passages, has_time=lambda: self.time_left() > RESERVE_SECONDS)
        return entries if len(entries) == len(plan) else None

    def write(self, chunks: Sequence[Chunk], entries: Sequence[IndexEntry]) -> CodedError | None:
        """Add the entries to every generation that is written, mark the rows, and return what was refused.

        In one transaction, which a reindex waits for: so none of its generations misses a write (R57)."""
        ids, rows = [chunk.chunk_id for chunk in chunks], self.records.chunks
        problem: CodedError | None = None
        with self.records.transaction():
            for number in rows.generations.written():
                refused = self._add(entries, number)
                # of another generation only its own row tells: nobody searches it before the row says acked
                problem = refused if number == self.generation else problem
                named = refused.details["failed"] if refused else ()
                bad = {str(entry_id).partition("#")[0] for entry_id in named}
                mark = partial(rows.writes.mark, self.command.parse_run_id, generation=number)
                mark([i for i in ids if i not in bad], "acked")
                mark([i for i in ids if i in bad], "failed", error_code="INDEX_WRITE_PARTIAL")
            self.note_progress()
        return problem

    def _add(self, entries: Sequence[IndexEntry], generation: int) -> CodedError | None:
        try:
            self.index.add(entries, generation=generation)
        except (Retryable, Permanent) as error:
            if error.code != "INDEX_WRITE_PARTIAL":
                raise
            return error
        return None

    def note_progress(self) -> int:
        """Tell the job how far it is; returns the acknowledged chunks."""
        acked = self.records.chunks.writes.acked(self.command.parse_run_id, generation=self.generation)
        share = acked / max(1, self.records.chunks.count(self.command.parse_run_id))
        filters = {"type": "ingest_document", "resource_id": self.command.document_id}
        job = self.records.jobs.list(filters=filters, before=None, limit=1)[0]
        done = WITH_FACTS + int((INDEXED - WITH_FACTS) * share)
        self.records.jobs.progress(job.job_id, done=done, step="IndexChunks")
        return acked
