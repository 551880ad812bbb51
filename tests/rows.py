"""Rows that a test needs to exist before it begins."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

from shared.adapters.postgres.records import PostgresRecords
from shared.domain.blocks import Box
from shared.domain.chunks import Chunk, Position
from shared.domain.documents import Document
from shared.domain.ids import hash_id
from shared.domain.jobs import Job
from tests.records import clock, ids


def last_frame(records: PostgresRecords, run_id: str) -> tuple[str, dict[str, Any]]:
    """Type and payload of the run's last event."""
    event = records.jobs.events(run_id, after=0, limit=1000)[-1]
    return event["event_type"], event["payload"]


def a_project(records: PostgresRecords, *, status: str = "open") -> str:
    """Insert a project and return its id."""
    project_id = ids.new("prj")
    records.session.execute(
        """insert into projects (project_id, code, name, status, size, currency)
           values (%(id)s, %(id)s, 'Project', %(status)s, 'small', 'CNY')""",
        id=project_id,
        status=status,
    )
    return project_id


def a_document(records: PostgresRecords, *, status: str = "parse_queued", project_id: str | None = None) -> Document:
    """Insert a document of a project with its blob."""
    document_id = ids.new("doc")
    sha256 = document_id.encode().hex().ljust(64, "0")[:64]
    records.session.execute(
        """insert into content_blobs (sha256, object_key, size_bytes, media_type)
           values (%(sha)s, 'x', 1, 'application/pdf')""",
        sha=sha256,
    )
    return records.documents.add(
        Document(
            document_id=document_id,
            project_id=project_id or a_project(records),
            upload_id=ids.new("upl"),
            doc_type="bid",
            filename="bid.pdf",
            sha256=sha256,
            size_bytes=1,
            media_type="application/pdf",
            status=status,
        )
    )


def an_ingest_job(records: PostgresRecords, document: Document, *, lane: str = "standard") -> Job:
    """Accept the job of the document."""
    job = Job(
        job_id=ids.new("job"),
        tenant_id=records.actor.tenant_id,
        job_type="ingest_document",
        resource_type="document",
        resource_id=document.document_id,
        project_id=document.project_id,
        lane=lane,
        deadline_at=clock.now() + timedelta(hours=5),
    )
    return records.jobs.accept(job, run_id=ids.new("run"))


def chunk_of(document: Document, ordinal: int, text: str) -> Chunk:
    """A chunk on page `ordinal` + 1 with one position per line of its text."""
    places, start = [], 0
    for number, line in enumerate(text.split("\n")):
        if line:
            box = Box(72.0, 72.0 + 16 * number, 520.0, 84.0 + 16 * number)
            places.append(Position(ordinal + 1, box, start, start + len(line)))
        start += len(line) + 1
    return Chunk(
        chunk_id=hash_id("chk", document.document_id, str(ordinal), text),
        document_id=document.document_id,
        parse_run_id=document.parse_run_id or "",
        ordinal=ordinal,
        chunk_type="text",
        text=text,
        content_hash=sha256(text.encode()).hexdigest(),
        heading_path=("Bid",),
        block_ids=(),
        token_count=len(text) // 4 + 1,
        overlap_chars=0,
        language="en",
        quality=1.0,
        parser="test",
        parser_version="1",
        chunker_version="1",
        positions=tuple(places),
        project_id=document.project_id,
        supplier_id=document.supplier_id,
        doc_type=document.doc_type,
    )
