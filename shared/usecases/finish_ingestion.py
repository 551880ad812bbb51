"""FinishIngestion: only when everything expected is there, the document is indexed and the job done (spec W38, D7)."""

from dataclasses import dataclass

from shared.domain.documents import ParseRun
from shared.domain.errors import Permanent
from shared.ports.platform import Clock
from shared.ports.reading import ChunkIndex, Embedder
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishIngestion:
    """Which document and parse run."""

    document_id: str
    parse_run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedIngestion:
    """What the document consists of."""

    pages: int
    chunks: int


def finish_ingestion(
    command: FinishIngestion, *, records: Records, index: ChunkIndex, embedder: Embedder, clock: Clock
) -> FinishedIngestion:
    """Compare pages, chunks and acknowledgements, then move pointer, document, job and run in one transaction.

    Raises Permanent DOC_PAGES_INCOMPLETE or CHUNKS_INCOMPLETE with the numbers that differ."""
    with records.transaction():
        document = records.documents.get(command.document_id, lock=True)
        run = records.parse_runs.get(command.parse_run_id, lock=True)
        done = FinishedIngestion(pages=run.pages_done, chunks=run.chunk_count or 0)
        if document.status == "indexed" and document.parse_run_id == command.parse_run_id:
            return done
        _check(command, run, records, index, embedder)
        records.moves.document(document, "indexed", parse_run_id=command.parse_run_id, page_count=run.pages_done)
        records.parse_runs.change(command.parse_run_id, status="succeeded", ended_at=clock.now())
        filters = {"type": "ingest_document", "resource_id": command.document_id}
        job = records.jobs.list(filters=filters, before=None, limit=1)[0]
        job = records.moves.job(job, "succeeded", stage="index", step="FinishIngestion")
        if job.claim_token is not None:
            records.moves.close_run(job.claim_token, "succeeded")
    return done


def _check(command: FinishIngestion, run: ParseRun, records: Records, index: ChunkIndex, embedder: Embedder) -> None:
    if run.pages_done != run.pages_expected:
        raise Permanent("DOC_PAGES_INCOMPLETE", details={"done": run.pages_done, "expected": run.pages_expected})
    generation = records.chunks.writes.generation(embedder.profile_id)
    counts = {
        "expected": run.chunk_count,
        "stored": records.chunks.count(command.parse_run_id),
        "acked": records.chunks.writes.acked(command.parse_run_id, generation=generation),
        "found": index.count(command.document_id),
    }
    if not counts["expected"] or len(set(counts.values())) != 1:
        raise Permanent("CHUNKS_INCOMPLETE", details=counts)
