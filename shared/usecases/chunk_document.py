"""ChunkDocument: when every page was read, cut the blocks into chunks with positions (spec W34, P65-P75)."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.blocks import Block
from shared.domain.chunking import cut_chunks
from shared.domain.chunks import Chunk
from shared.domain.documents import Document, ParseRun
from shared.domain.errors import Permanent
from shared.domain.ingest_plan import CHUNKED, main_language
from shared.ports.document_records import PlannedPage
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkDocument:
    """Which document and parse run."""

    document_id: str
    parse_run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkedDocument:
    """How many chunks the run has."""

    chunks: int


def chunk_document(command: ChunkDocument, *, records: Records) -> ChunkedDocument:
    """Store chunks and positions and move the document to parsed, in one transaction; a repeat changes nothing. One
    that is indexed stays so while it is read again (P78).

    Raises Permanent DOC_PAGES_INCOMPLETE naming pages, INPUT_EMPTY_FILE for a document without text, or
    CHUNKS_INCOMPLETE."""
    run = records.parse_runs.get(command.parse_run_id)
    document = records.documents.get(command.document_id)
    check_complete(run, records.parse_runs.pages(command.parse_run_id))
    chunks: list[Chunk] = []
    blocks: list[Block] = []
    if run.chunk_count is None:
        blocks = records.parse_runs.blocks(command.parse_run_id)
        chunks = _cut(blocks, document, command, records.actor.tenant_id)
    with records.transaction():
        run = records.parse_runs.get(command.parse_run_id, lock=True)
        count = run.chunk_count
        if count is None:
            count = _store(records, chunks, command)
        document = records.documents.get(command.document_id, lock=True)
        if document.status == "parsing":
            records.moves.document(document, "parsed", language=document.language or main_language(blocks))
        filters = {"type": "ingest_document", "resource_id": command.document_id}
        job = records.jobs.list(filters=filters, before=None, limit=1)[0]
        records.jobs.progress(job.job_id, done=CHUNKED, step="ChunkDocument")
    return ChunkedDocument(chunks=count)


def check_complete(run: ParseRun, pages: Sequence[PlannedPage]) -> None:
    """Raise Permanent DOC_PAGES_INCOMPLETE unless every expected page was read or is blank (P75)."""
    missing = [planned.page.number for planned in pages if not planned.done]
    if missing or len(pages) != run.pages_expected:
        details = {"missing": missing[:100], "pages": len(pages), "expected": run.pages_expected}
        raise Permanent("DOC_PAGES_INCOMPLETE", details=details)


def _cut(blocks: Sequence[Block], document: Document, command: ChunkDocument, tenant_id: str) -> list[Chunk]:
    chunks = cut_chunks(
        blocks,
        tenant_id=tenant_id,
        document_id=document.document_id,
        parse_run_id=command.parse_run_id,
        project_id=document.project_id,
        supplier_id=document.supplier_id,
        doc_type=document.doc_type,
    )
    if not chunks:
        raise Permanent("INPUT_EMPTY_FILE", "the document has no text")
    return chunks


def _store(records: Records, chunks: Sequence[Chunk], command: ChunkDocument) -> int:
    records.chunks.add(chunks)
    stored = records.chunks.count(command.parse_run_id)
    if stored != len(chunks):
        raise Permanent("CHUNKS_INCOMPLETE", details={"stored": stored, "cut": len(chunks)})
    records.parse_runs.change(command.parse_run_id, chunk_count=stored)
    return stored
