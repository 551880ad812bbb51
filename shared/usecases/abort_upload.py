"""Abort an upload session: its links lead nowhere and what arrived is removed (spec A64)."""

from dataclasses import dataclass

from shared.domain.documents import UploadSession
from shared.domain.errors import Refused
from shared.ports.objects import ObjectStore
from shared.ports.platform import Clock
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortUpload:
    """Which session."""

    upload_id: str


def abort_upload(command: AbortUpload, *, records: Records, objects: ObjectStore, clock: Clock) -> UploadSession:
    """Move the session to aborted, then remove parts and objects that no document uses; a repeat only removes.

    Raises Refused UPLOAD_SESSION_NOT_FOUND, or UPLOAD_SESSION_STATE_CONFLICT for a completed one."""
    with records.transaction():
        upload = records.uploads.get(command.upload_id, lock=True)
        if upload.status == "open":
            upload = records.uploads.end(upload, "aborted", at=clock.now())
            records.trail.audit("upload.aborted", "upload", upload.upload_id)
        elif upload.status != "aborted":
            raise Refused("UPLOAD_SESSION_STATE_CONFLICT", details={"status": upload.status})
        files = records.uploads.files(command.upload_id)
    for file in files:
        if file.document_id is None:
            if file.multipart_id is not None:
                objects.abort_multipart(file.object_key, file.multipart_id)
            objects.remove(file.object_key)
    return upload
