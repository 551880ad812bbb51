"""FinishIngestion: only when everything expected is there, the document is indexed and the job done (spec W38, D7)."""

from dataclasses import dataclass

from shared.domain.documents import Document, ParseRun
from shared.domain.errors import Permanent
from shared.domain.file_types import ZIP
from shared.domain.index_entries import count_found, planned_entries
from shared.ports.platform import Clock
from shared.ports.reading import ChunkIndex, Embedder
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishIngestion:
    """Which document and parse run; an archive has none, its files are documents of their own (W29)."""

    document_id: str
    parse_run_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedIngestion:
    """What the document consists of."""

    pages: int
    chunks: int


def finish_ingestion(
    command: FinishIngestion, *, records: Records, index: ChunkIndex, embedder: Embedder, clock: Clock
) -> FinishedIngestion:
    """Compare pages, chunks and acknowledgements, then move pointer, document, job and run in one transaction.

    Entries that only the replaced run had leave the index last, under the document's lock: after the commit the step
    no longer owns the job, and another reading may have begun. Raises Permanent DOC_PAGES_INCOMPLETE or
    CHUNKS_INCOMPLETE with the numbers that differ."""
    with records.transaction():
        document = records.documents.get(command.document_id, lock=True)
        if command.parse_run_id is None:
            return _finish_archive(document, records)
        run = records.parse_runs.get(command.parse_run_id, lock=True)
        done = FinishedIngestion(pages=run.pages_done, chunks=run.chunk_count or 0)
        if document.status == "indexed" and document.parse_run_id == command.parse_run_id:
            return done
        _check(run, document, records, index, embedder)
        replaces = document.status == "indexed"
        if replaces:
            records.moves.reparsed(document, parse_run_id=command.parse_run_id, page_count=run.pages_done)
        else:
            records.moves.document(document, "indexed", parse_run_id=command.parse_run_id, page_count=run.pages_done)
        records.parse_runs.change(command.parse_run_id, status="succeeded", ended_at=clock.now())
        _end_job(command.document_id, records)
        if replaces:
            _forget_replaced(run, records, index)
    return done


def _forget_replaced(run: ParseRun, records: Records, index: ChunkIndex) -> None:
    wanted = {one.entry_id for one in planned_entries(records.chunks.of_run(run.parse_run_id))}
    old = [entry_id for entry_id in index.entries(run.document_id) if entry_id not in wanted]
    if old:
        index.remove(run.document_id, old)


def _finish_archive(document: Document, records: Records) -> FinishedIngestion:
    """An archive is indexed once every file of it is registered or refused; it has no text of its own (W29)."""
    if document.status != "indexed":
        if document.media_type != ZIP or document.status != "parsed":
            raise Permanent("DOC_PAGES_INCOMPLETE", details={"status": document.status, "type": document.media_type})
        records.moves.document(records.moves.document(document, "indexing"), "indexed")
        _end_job(document.document_id, records)
    return FinishedIngestion(pages=0, chunks=0)


def _end_job(document_id: str, records: Records) -> None:
    filters = {"type": "ingest_document", "resource_id": document_id}
    job = records.jobs.list(filters=filters, before=None, limit=1)[0]
    job = records.moves.job(job, "succeeded", stage="index", step="FinishIngestion")
    if job.claim_token is not None:
        records.moves.close_run(job.claim_token, "succeeded")


def _check(run: ParseRun, document: Document, records: Records, index: ChunkIndex, embedder: Embedder) -> None:
    if run.pages_done != run.pages_expected:
        raise Permanent("DOC_PAGES_INCOMPLETE", details={"done": run.pages_done, "expected": run.pages_expected})
    generation = records.chunks.writes.generation(embedder.profile_id)
    if document.status == "indexed":
        found = count_found(records.chunks.of_run(run.parse_run_id), index.entries(run.document_id))
    else:
        found = index.count(run.document_id)
    counts = {
        "expected": run.chunk_count,
        "stored": records.chunks.count(run.parse_run_id),
        "acked": records.chunks.writes.acked(run.parse_run_id, generation=generation),
        "found": found,
    }
    if not counts["expected"] or len(set(counts.values())) != 1:
        raise Permanent("CHUNKS_INCOMPLETE", details=counts)
