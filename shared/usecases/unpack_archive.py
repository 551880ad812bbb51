"""UnpackArchive: every file of an archive becomes a document with a job of its own, or a refusal (spec W29, P7)."""

from dataclasses import dataclass

from shared.domain.archives import NAME_LIMIT, ArchiveEntry
from shared.domain.documents import Document
from shared.domain.errors import Permanent, Retryable
from shared.domain.file_types import ZIP
from shared.domain.ingest_plan import INDEXED, INSPECTED
from shared.domain.jobs import Job, new_job
from shared.domain.object_keys import entry_key
from shared.ports.archive_records import KeptEntry
from shared.ports.document_records import Blob
from shared.ports.objects import ObjectStore
from shared.ports.platform import Clock, Ids
from shared.ports.reading import ArchiveReader, OpenArchive
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackArchive:
    """Which document; inspection has found it to be an archive."""

    document_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpackedArchive:
    """How many files were registered, refused and ignored. An archive has no parse run of its own."""

    registered: int
    refused: int
    ignored: int
    parse_run_id: None = None


@dataclass(frozen=True, slots=True)
class _Parts:
    records: Records
    objects: ObjectStore
    ids: Ids
    clock: Clock


def unpack_archive(
    command: UnpackArchive, *, records: Records, objects: ObjectStore, archives: ArchiveReader, ids: Ids, clock: Clock
) -> UnpackedArchive:
    """Read the whole archive first, then accept file after file, each in one transaction; a repeat goes on where the
    rows end. When all are there, the archive itself is parsed: there is nothing else to read in it.

    Raises what the reader raises, Retryable CHECKSUM_MISMATCH when bytes changed on their way, and Retryable
    TENANT_BACKLOG_FULL."""
    document = records.documents.get(command.document_id)
    if document.media_type != ZIP:
        raise Permanent("INPUT_UNSUPPORTED_FORMAT", f"{document.media_type} is no archive")
    if document.status == "parsing":
        with_ = _Parts(records, objects, ids, clock)
        with objects.as_file(records.uploads.blob(document.sha256).object_key) as path, archives.opened(path) as opened:
            known = {row.entry_no for row in records.archives.of(document.document_id)}
            for entry in opened.entries:
                if entry.entry_no not in known:
                    _take(document, entry, opened, with_)
        _complete(command.document_id, len(opened.entries), records)
    outcomes = [row.outcome for row in records.archives.of(command.document_id)]
    return UnpackedArchive(
        registered=outcomes.count("registered"),
        refused=outcomes.count("refused"),
        ignored=outcomes.count("ignored"),
    )


def _take(parent: Document, entry: ArchiveEntry, opened: OpenArchive, with_: _Parts) -> None:
    """Register the file as an upload would be, or note why not; whoever comes second changes nothing."""
    blob = _blob(parent, entry, opened, with_) if entry.outcome == "registered" else None
    records = with_.records
    with records.transaction():
        document = records.documents.get(parent.document_id, lock=True)
        child = None if blob is None else _document(document, entry, blob, document_id=with_.ids.new("doc"))
        if records.archives.has(parent.document_id, entry.entry_no):
            return
        if child is not None and blob is not None:
            records.uploads.keep_blob(blob)
            _accept(child, entry, with_)
        records.archives.add(
            KeptEntry(
                parent_id=parent.document_id,
                entry_no=entry.entry_no,
                name=entry.name[:NAME_LIMIT],
                size_bytes=entry.size_bytes,
                outcome=entry.outcome,
                document_id=child.document_id if child else None,
                error_code=entry.code,
            )
        )
        share = (entry.entry_no + 1) / len(opened.entries)
        done = INSPECTED + int((INDEXED - INSPECTED) * share)
        records.jobs.progress(_job_of(parent.document_id, records).job_id, done=done, step="UnpackArchive")


def _blob(parent: Document, entry: ArchiveEntry, opened: OpenArchive, with_: _Parts) -> Blob:
    """The bytes as the tenant has them already, or stored under a key that a repeat finds again."""
    sha256, media_type = entry.sha256 or "", entry.media_type or ""
    try:
        return with_.records.uploads.blob(sha256)
    except Permanent as error:
        if error.code != "DOC_STORAGE_MISSING":
            raise
    key = entry_key(with_.records.actor.tenant_id, parent.document_id, entry.entry_no)
    with opened.extracted(entry) as path:
        stored = with_.objects.put(key, path, media_type=media_type)
    if stored.sha256 != sha256:
        raise Retryable("CHECKSUM_MISMATCH", details={"entry": entry.name[:200]})
    return Blob(
        sha256=sha256,
        object_key=key,
        object_version=stored.version,
        size_bytes=stored.size_bytes,
        media_type=media_type,
    )


def _document(parent: Document, entry: ArchiveEntry, blob: Blob, *, document_id: str) -> Document:
    """A child stands where its archive stands: same project, bid and upload."""
    return Document(
        document_id=document_id,
        project_id=parent.project_id,
        upload_id=parent.upload_id,
        doc_type=parent.doc_type,
        filename=entry.filename,
        sha256=blob.sha256,
        size_bytes=blob.size_bytes,
        media_type=entry.media_type or "",
        status="uploaded",
        supplier_id=parent.supplier_id,
        bid_id=parent.bid_id,
        parent_id=parent.document_id,
    )


def _accept(child: Document, entry: ArchiveEntry, with_: _Parts) -> None:
    records = with_.records
    document = records.documents.add(child)
    changes = {"sha256": child.sha256, "parent_id": child.parent_id, "entry_no": entry.entry_no}
    records.trail.audit("document.unpacked", "document", document.document_id, changes=changes)
    records.moves.document(document, "parse_queued")
    parent = _job_of(child.parent_id or "", records)
    job = new_job(
        "ingest_document",
        document.document_id,
        job_id=with_.ids.new("job"),
        tenant_id=records.actor.tenant_id,
        now=with_.clock.now(),
        project_id=document.project_id,
        lane=parent.lane,
        priority=parent.priority,
    )
    records.jobs.accept(job, run_id=with_.ids.new("run"))


def _complete(document_id: str, expected: int, records: Records) -> None:
    """Nothing is lost silently: as many rows as files, or the archive is not done (D7)."""
    with records.transaction():
        document = records.documents.get(document_id, lock=True)
        stored = len(records.archives.of(document_id))
        if stored != expected:
            raise Permanent("DOC_PAGES_INCOMPLETE", details={"stored": stored, "expected": expected})
        if document.status == "parsing":
            records.moves.document(document, "parsed")


def _job_of(document_id: str, records: Records) -> Job:
    filters = {"type": "ingest_document", "resource_id": document_id}
    return records.jobs.list(filters=filters, before=None, limit=1)[0]
