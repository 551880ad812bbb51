"""What of a file has been sent, and what a client needs to send it: one link, or one per missing part (A54, A60)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from shared.domain.documents import UploadFile
from shared.domain.errors import Permanent
from shared.domain.upload_rules import PART_SIZE, part_count
from shared.ports.objects import ObjectStore, SignedRequest, StoredObject


@dataclass(frozen=True, slots=True)
class PartLink:
    """Where part `no` goes; parts are `part_size` bytes, the last one what is left."""

    no: int
    request: SignedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLinks:
    """`put` in mode direct, `parts` in mode multipart; both empty when nothing is missing."""

    file_id: str
    mode: str
    put: SignedRequest | None = None
    part_size: int | None = None
    parts: tuple[PartLink, ...] = ()


def sent_object(objects: ObjectStore, file: UploadFile) -> StoredObject | None:
    """What the file's key holds; None before all of it has arrived."""
    try:
        return objects.head(file.object_key)
    except Permanent as error:
        if error.code != "DOC_STORAGE_MISSING":
            raise
        return None


def file_links(
    objects: ObjectStore, file: UploadFile, *, expires_at: datetime, only: Collection[int] | None = None
) -> FileLinks:
    """Fresh links for a file of which nothing has arrived, or for the part numbers in `only`."""
    if file.multipart_id is None:
        request = objects.sign_put(
            file.object_key,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            media_type=file.media_type,
            expires_at=expires_at,
        )
        return FileLinks(file_id=file.file_id, mode=file.mode, put=request)
    numbers = [no for no in range(1, part_count(file.size_bytes) + 1) if only is None or no in only]
    parts = tuple(
        PartLink(no, objects.sign_part(file.object_key, file.multipart_id, number=no, expires_at=expires_at))
        for no in numbers
    )
    return FileLinks(file_id=file.file_id, mode=file.mode, part_size=PART_SIZE, parts=parts)
