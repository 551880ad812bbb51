"""Show what of an upload session has arrived (spec A61)."""

from dataclasses import dataclass

from shared.domain.documents import UploadFile, UploadSession
from shared.ports.objects import ObjectStore, StoredObject, StoredPart
from shared.ports.records import Records
from shared.ports.upload_links import sent_object


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckUpload:
    """Which session."""

    upload_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A file as announced and as it is: `state` is missing, partial, stored, mismatch or registered."""

    file: UploadFile
    state: str
    stored: StoredObject | None
    parts: tuple[StoredPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedUpload:
    """The session and its files in the order announced."""

    upload: UploadSession
    files: tuple[FileState, ...]


def check_upload(command: CheckUpload, *, records: Records, objects: ObjectStore) -> CheckedUpload:
    """Look at rows and objects; changes nothing. Raises Refused UPLOAD_SESSION_NOT_FOUND."""
    with records.transaction():
        upload = records.uploads.get(command.upload_id)
        files = records.uploads.files(command.upload_id)
    return CheckedUpload(upload=upload, files=tuple(_state(file, objects) for file in files))


def _state(file: UploadFile, objects: ObjectStore) -> FileState:
    stored = sent_object(objects, file)
    parts: tuple[StoredPart, ...] = ()
    if stored is None and file.multipart_id is not None:
        parts = tuple(objects.parts(file.object_key, file.multipart_id))
    if file.document_id is not None:
        state = "registered"
    elif stored is not None:
        state = "stored" if (stored.size_bytes, stored.sha256) == (file.size_bytes, file.sha256) else "mismatch"
    else:
        state = "partial" if parts else "missing"
    return FileState(file=file, state=state, stored=stored, parts=parts)
