"""InspectFile: read the stored bytes once, compare their hash, and find out what the file really is (spec W28)."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.domain.documents import Document
from shared.domain.errors import Retryable
from shared.domain.file_types import ZIP
from shared.domain.ingest_plan import INSPECTED
from shared.ports.objects import ObjectStore
from shared.ports.platform import Clock
from shared.ports.reading import FileInspector
from shared.ports.records import Records

PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectFile:
    """Which document."""

    document_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedFile:
    """The type by content, the pages if the format has them, and whether its files are to be unpacked."""

    media_type: str
    page_count: int | None
    is_archive: bool = False


def inspect_file(
    command: InspectFile, *, records: Records, objects: ObjectStore, inspector: FileInspector, clock: Clock
) -> InspectedFile:
    """Check the file and note what it is; repeating it gives the same.

    Raises Retryable CHECKSUM_MISMATCH, Permanent DOC_STORAGE_MISSING and the codes of 03 section 2."""
    document = records.documents.get(command.document_id)
    blob = records.uploads.blob(document.sha256)
    with objects.as_file(blob.object_key) as path:
        _compare(path, document)
        found = inspector.inspect(path, document.filename, document.media_type)
    with records.transaction():
        document = records.documents.get(command.document_id, lock=True)
        if (document.media_type, document.page_count) != (found.media_type, found.page_count):
            records.documents.describe(document, media_type=found.media_type, page_count=found.page_count)
        records.uploads.verify_blob(document.sha256, media_type=found.media_type, at=clock.now())
        job = records.jobs.list(
            filters={"type": "ingest_document", "resource_id": document.document_id}, before=None, limit=1
        )[0]
        records.jobs.progress(job.job_id, done=INSPECTED, step="InspectFile")
    is_archive = found.media_type == ZIP
    return InspectedFile(media_type=found.media_type, page_count=found.page_count, is_archive=is_archive)


def _compare(path: Path, document: Document) -> None:
    """A retry cannot mend stored bytes: the file has to be uploaded again."""
    hashed, size = hashlib.sha256(), 0
    for piece in _pieces(path):
        hashed.update(piece)
        size += len(piece)
    if (size, hashed.hexdigest()) != (document.size_bytes, document.sha256):
        raise Retryable("CHECKSUM_MISMATCH", details={"document_id": document.document_id, "size_bytes": size})


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
