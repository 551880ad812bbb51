"""Finish an upload: compare what arrived with what was announced and accept one ingest job per file (spec A58, A63)."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.documents import Document, UploadFile, UploadSession
from shared.domain.errors import CodedError, Refused, Retryable
from shared.domain.jobs import new_job
from shared.domain.upload_rules import SentPart, check_parts
from shared.ports.document_records import Blob
from shared.ports.objects import ObjectStore, StoredObject
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records
from shared.ports.upload_links import sent_object

OF_ONE_FILE = ("UPLOAD_INCOMPLETE", "CHECKSUM_MISMATCH")  # transient, and say nothing about the other files


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A file the client has sent; `parts` for multipart mode (the parts that arrived when empty)."""

    file_id: str
    parts: tuple[SentPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishUpload:
    """Which session; files not named count as sent in one piece."""

    upload_id: str
    files: tuple[SentFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedFile:
    """The document and its job, or the code that keeps the file out until it is sent again."""

    file_id: str
    document_id: str | None = None
    job_id: str | None = None
    run_id: str | None = None
    code: str | None = None
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedUpload:
    """`completed` once every file has become a document; otherwise the session stays open for the rest."""

    upload: UploadSession
    items: tuple[FinishedFile, ...]


def finish_upload(
    command: FinishUpload, *, records: Records, objects: ObjectStore, ids: Ids, clock: Clock
) -> FinishedUpload:
    """Make documents of the files that are there; the lock on the session makes repeats and races agree.

    Raises Refused UPLOAD_SESSION_NOT_FOUND, UPLOAD_SESSION_EXPIRED, UPLOAD_SESSION_STATE_CONFLICT,
    UPLOAD_FILE_NOT_FOUND, PROJECT_CLOSED; Retryable TENANT_BACKLOG_FULL; and the first file's code when no
    file is there."""
    failed: dict[str, CodedError] = {}
    with records.transaction():
        upload = records.uploads.get(command.upload_id, lock=True)
        files = records.uploads.files(command.upload_id)
        sent = {file.file_id: file for file in command.files}
        if sent.keys() - {file.file_id for file in files}:
            raise Refused("UPLOAD_FILE_NOT_FOUND")
        if upload.status != "completed":
            _check_open(upload, records, clock)
            failed = _register(upload, files, sent, _Parts(records, objects, ids, clock))
            if not failed:
                upload = records.uploads.end(upload, "completed", at=clock.now())
        made = {one.file_id: one for one in records.uploads.documents(command.upload_id)}
    if failed and not made:
        raise next(iter(failed.values()))
    items = [
        FinishedFile(file_id=f, document_id=made[f].document_id, job_id=made[f].job_id, run_id=made[f].run_id)
        if f in made
        else FinishedFile(file_id=f, code=failed[f].code, retryable=failed[f].entry.retryable)
        for f in (file.file_id for file in files)
    ]
    return FinishedUpload(upload=upload, items=tuple(items))


@dataclass(frozen=True, slots=True)
class _Parts:
    records: Records
    objects: ObjectStore
    ids: Ids
    clock: Clock


def _check_open(upload: UploadSession, records: Records, clock: Clock) -> None:
    if upload.status != "open":
        raise Refused("UPLOAD_SESSION_STATE_CONFLICT", details={"status": upload.status})
    if upload.expires_at <= clock.now():
        raise Refused("UPLOAD_SESSION_EXPIRED")
    status = records.projects.get(upload.project_id).status
    if status not in ("draft", "open"):
        raise Refused("PROJECT_CLOSED", details={"status": status})


def _register(
    upload: UploadSession, files: list[UploadFile], sent: Mapping[str, SentFile], with_: _Parts
) -> dict[str, CodedError]:
    failed: dict[str, CodedError] = {}
    bid_id: str | None = None
    for file in files:
        if file.document_id is not None:
            continue
        try:
            stored = _arrived(file, sent.get(file.file_id, SentFile(file_id=file.file_id)), with_)
        except (Refused, Retryable) as error:
            if isinstance(error, Retryable) and error.code not in OF_ONE_FILE:
                raise
            failed[file.file_id] = error
            continue
        if upload.supplier_id is not None and bid_id is None:
            bid = with_.records.bids.register_if_missing(
                upload.project_id, upload.supplier_id, bid_id=with_.ids.new("bid")
            )
            bid_id = bid.bid_id
        _accept(upload, file, stored, bid_id, with_)
    return failed


def _arrived(file: UploadFile, sent: SentFile, with_: _Parts) -> StoredObject:
    """The stored object with the announced bytes; raises Retryable UPLOAD_INCOMPLETE or CHECKSUM_MISMATCH, Refused
    UPLOAD_PARTS_INVALID (fresh links then lead to a new key, because objects are written once)."""
    stored = sent_object(with_.objects, file)
    if stored is None and file.multipart_id is not None:
        stored = _joined(file, file.multipart_id, sent, with_.objects)
    if stored is None:
        raise Retryable("UPLOAD_INCOMPLETE", details={"files": [file.file_id]})
    if (stored.size_bytes, stored.sha256) != (file.size_bytes, file.sha256):
        raise Retryable("CHECKSUM_MISMATCH", details={"files": [file.file_id]})
    return stored


def _joined(file: UploadFile, multipart_id: str, sent: SentFile, objects: ObjectStore) -> StoredObject:
    arrived = objects.parts(file.object_key, multipart_id)
    parts = sent.parts or tuple(SentPart(no=part.number, etag=part.etag) for part in arrived)
    if not parts:
        raise Retryable("UPLOAD_INCOMPLETE", details={"files": [file.file_id]})
    check_parts(parts, size_bytes=file.size_bytes)
    return objects.finish_multipart(
        file.object_key, multipart_id, parts=[(part.no, part.etag.strip('"')) for part in parts]
    )


def _accept(upload: UploadSession, file: UploadFile, stored: StoredObject, bid_id: str | None, with_: _Parts) -> None:
    records = with_.records
    records.uploads.keep_blob(
        Blob(
            sha256=file.sha256,
            object_key=file.object_key,
            object_version=stored.version,
            size_bytes=file.size_bytes,
            media_type=file.media_type,
        )
    )
    document = records.documents.add(_document(upload, file, bid_id, document_id=with_.ids.new("doc")))
    records.uploads.change_file(file.file_id, document_id=document.document_id)
    records.trail.audit("document.uploaded", "document", document.document_id, changes={"sha256": file.sha256})
    document = records.moves.document(document, "parse_queued")
    job = new_job(
        "ingest_document",
        document.document_id,
        job_id=with_.ids.new("job"),
        tenant_id=records.actor.tenant_id,
        now=with_.clock.now(),
        project_id=document.project_id,
    )
    records.jobs.accept(job, run_id=with_.ids.new("run"))


def _document(upload: UploadSession, file: UploadFile, bid_id: str | None, *, document_id: str) -> Document:
    return Document(
        document_id=document_id,
        project_id=upload.project_id,
        upload_id=upload.upload_id,
        doc_type=file.doc_type,
        filename=file.filename,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        media_type=file.media_type,
        status="uploaded",
        supplier_id=upload.supplier_id,
        bid_id=bid_id,
    )
