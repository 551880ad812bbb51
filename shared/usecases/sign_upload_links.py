"""Sign fresh links for what an upload session still misses (spec A62)."""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.documents import UploadFile
from shared.domain.errors import Refused
from shared.domain.object_keys import next_upload_key
from shared.domain.upload_rules import LINK_LIFE, part_count
from shared.ports.objects import ObjectStore
from shared.ports.platform import Clock
from shared.ports.records import Records
from shared.ports.upload_links import FileLinks, file_links, sent_object


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUploadLinks:
    """Files of a session (all when empty) and part numbers (all missing ones when empty)."""

    upload_id: str
    file_ids: tuple[str, ...] = ()
    part_numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUploadLinks:
    """Links per file; a file that has arrived has none."""

    links: tuple[FileLinks, ...]
    links_expire_at: datetime


def sign_upload_links(
    command: SignUploadLinks, *, records: Records, objects: ObjectStore, clock: Clock
) -> SignedUploadLinks:
    """Sign again; repeating it has no effect, except that a file that arrived damaged gets a new place once.

    Raises Refused UPLOAD_SESSION_NOT_FOUND, UPLOAD_SESSION_EXPIRED, UPLOAD_SESSION_STATE_CONFLICT or
    UPLOAD_FILE_NOT_FOUND."""
    now = clock.now()
    expires_at = now + LINK_LIFE
    with records.transaction():
        upload = records.uploads.get(command.upload_id, lock=True)
        if upload.status != "open":
            raise Refused("UPLOAD_SESSION_STATE_CONFLICT", details={"status": upload.status})
        if upload.expires_at <= now:
            raise Refused("UPLOAD_SESSION_EXPIRED")
        files = {file.file_id: file for file in records.uploads.files(command.upload_id)}
        if set(command.file_ids) - files.keys():
            raise Refused("UPLOAD_FILE_NOT_FOUND")
        wanted = [file for file_id, file in files.items() if not command.file_ids or file_id in command.file_ids]
        links = tuple(_links(file, command.part_numbers, records, objects, expires_at) for file in wanted)
    return SignedUploadLinks(links=links, links_expire_at=expires_at)


def _links(
    file: UploadFile, numbers: tuple[int, ...], records: Records, objects: ObjectStore, expires_at: datetime
) -> FileLinks:
    stored = None if file.document_id is not None else sent_object(objects, file)
    if stored is not None and (stored.size_bytes, stored.sha256) != (file.size_bytes, file.sha256):
        file, stored = _renewed(file, records, objects), None
    if stored is not None or file.document_id is not None:
        return FileLinks(file_id=file.file_id, mode=file.mode)
    if file.multipart_id is None:
        return file_links(objects, file, expires_at=expires_at)
    arrived = {part.number for part in objects.parts(file.object_key, file.multipart_id)}
    missing = set(range(1, part_count(file.size_bytes) + 1)) - arrived
    # A part that is asked for by number is signed even if it arrived: the client may want to send it again.
    return file_links(objects, file, expires_at=expires_at, only=set(numbers) or missing)


def _renewed(file: UploadFile, records: Records, objects: ObjectStore) -> UploadFile:
    """The file under its next key: what arrived damaged is left behind, because objects are written once (A53)."""
    key = next_upload_key(file.object_key)
    multipart = file.multipart_id and objects.start_multipart(key, media_type=file.media_type)
    records.uploads.change_file(file.file_id, object_key=key, multipart_id=multipart)
    return replace(file, object_key=key, multipart_id=multipart)
