"""Open an upload session: check what is announced and sign the links that bring the bytes (spec A53-A60)."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.documents import UploadFile, UploadSession
from shared.domain.errors import Refused, Retryable
from shared.domain.file_types import check_filename
from shared.domain.object_keys import upload_key
from shared.domain.upload_rules import (
    LINK_LIFE,
    OPEN_SESSIONS,
    SESSION_LIFE,
    DeclaredFile,
    accepted_type,
    bundle_hash,
    check_bundle,
    mode_of,
)
from shared.ports.objects import ObjectStore
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records
from shared.ports.upload_links import FileLinks, file_links


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUpload:
    """A bundle of files for a project; `supplier_id` None means tender documents."""

    project_id: str
    files: tuple[DeclaredFile, ...]
    supplier_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedUpload:
    """The session, its files in the order announced, and one set of links per file."""

    upload: UploadSession
    files: tuple[UploadFile, ...]
    links: tuple[FileLinks, ...]
    links_expire_at: datetime


def open_upload(command: OpenUpload, *, records: Records, objects: ObjectStore, ids: Ids, clock: Clock) -> OpenedUpload:
    """Insert session and files.

    Raises Refused PROJECT_NOT_FOUND, PROJECT_CLOSED, SUPPLIER_NOT_FOUND, INPUT_UNSUPPORTED_FORMAT,
    INPUT_FILENAME_UNSAFE and what check_bundle refuses; Retryable UPLOAD_SESSIONS_LIMIT_EXCEEDED."""
    check_bundle(command.files, supplier_id=command.supplier_id)
    now = clock.now()
    upload = UploadSession(
        upload_id=ids.new("upl"),
        project_id=command.project_id,
        supplier_id=command.supplier_id,
        status="open",
        file_count=len(command.files),
        expires_at=now + SESSION_LIFE,
        bundle_hash=bundle_hash(command.files),
    )
    with records.transaction():
        _admit(command, records, now)
        files = tuple(
            _file(declared, place, upload.upload_id, records.actor.tenant_id, objects, ids)
            for place, declared in enumerate(command.files)
        )
        records.uploads.add(upload, files)
        changes = {"files": len(files), "bundle_hash": upload.bundle_hash}
        records.trail.audit("upload.opened", "upload", upload.upload_id, changes=changes)
    expires_at = now + LINK_LIFE
    links = tuple(file_links(objects, file, expires_at=expires_at) for file in files)
    return OpenedUpload(upload=upload, files=files, links=links, links_expire_at=expires_at)


def _admit(command: OpenUpload, records: Records, now: datetime) -> None:
    project = records.projects.get(command.project_id)
    if project.status not in ("draft", "open"):
        raise Refused("PROJECT_CLOSED", details={"status": project.status})
    if command.supplier_id is not None:
        records.suppliers.get(command.supplier_id)
    if records.uploads.lock_project(command.project_id, now=now) >= OPEN_SESSIONS:
        raise Retryable("UPLOAD_SESSIONS_LIMIT_EXCEEDED", details={"limit": OPEN_SESSIONS})


def _file(
    declared: DeclaredFile, place: int, upload_id: str, tenant_id: str, objects: ObjectStore, ids: Ids
) -> UploadFile:
    filename = check_filename(declared.filename)
    media_type = accepted_type(filename, declared.media_type)
    file_id = ids.new("fil")
    key = upload_key(tenant_id, upload_id, file_id)
    mode = mode_of(declared.size_bytes)
    return UploadFile(
        file_id=file_id,
        upload_id=upload_id,
        ordinal=place,
        filename=filename,
        role=declared.role,
        doc_type=declared.doc_type,
        media_type=media_type,
        size_bytes=declared.size_bytes,
        sha256=declared.sha256,
        mode=mode,
        object_key=key,
        multipart_id=objects.start_multipart(key, media_type=media_type) if mode == "multipart" else None,
    )
