"""Bytes on their way in: hashed while written, kept only if they are what the link was signed for (spec A53)."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from shared.adapters.filesystem.folder import ObjectFolder
from shared.adapters.filesystem.links import Grant
from shared.domain.errors import Refused, Retryable
from shared.domain.upload_rules import MIB
from shared.ports.objects import StoredObject

LARGEST_PART = 64 * MIB


class Incoming:
    """One PUT. Give it pieces with `write`, then call `finish` once; anything else leaves nothing behind."""

    def __init__(self, folder: ObjectFolder, grant: Grant, file: BinaryIO, path: Path) -> None:
        self._folder, self._grant, self._file, self._path = folder, grant, file, path
        self._hash = hashlib.sha256()
        self._size = 0
        self._limit = LARGEST_PART if grant.size_bytes is None else grant.size_bytes

    def write(self, piece: bytes) -> None:
        """Take the next bytes; raises Refused UPLOAD_FILE_SIZE_LIMIT_EXCEEDED beyond the signed size."""
        self._size += len(piece)
        if self._size > self._limit:
            raise Refused("UPLOAD_FILE_SIZE_LIMIT_EXCEEDED", details={"limit": self._limit})
        self._hash.update(piece)
        self._file.write(piece)

    def finish(self) -> str:
        """Keep the bytes and return their ETag, the hex SHA-256.

        Raises Retryable CHECKSUM_MISMATCH for other bytes than signed, Refused REQ_PRECONDITION_FAILED for a taken
        key."""
        self._file.flush()
        os.fsync(self._file.fileno())
        etag = self._hash.hexdigest()
        if self._grant.upload is not None:
            self._keep_part(etag)
            return etag
        if (self._size, etag) != (self._grant.size_bytes, self._grant.sha256):
            raise Retryable("CHECKSUM_MISMATCH", details={"size_bytes": self._size})
        stored = StoredObject(self._grant.key, self._size, etag, etag)
        try:
            self._folder.keep(self._path, stored, media_type=self._grant.media_type or "application/octet-stream")
        except FileExistsError as error:
            raise Refused("REQ_PRECONDITION_FAILED", "the object exists already") from error
        return etag

    def _keep_part(self, etag: str) -> None:
        assert self._grant.upload is not None and self._grant.part is not None
        folder = self._folder.part_folder(self._grant.upload)
        if not folder.is_dir():
            raise Refused("UPLOAD_SESSION_STATE_CONFLICT", "the multipart upload has ended")
        name = f"{self._grant.part:05d}-{etag}"
        self._path.replace(folder / name)
        for older in folder.glob(f"{self._grant.part:05d}-*"):
            if older.name != name:
                older.unlink(missing_ok=True)


@contextmanager
def receive(folder: ObjectFolder, grant: Grant) -> Iterator[Incoming]:
    """Take in the body of a PUT; what `finish` did not keep is deleted at the end."""
    with folder.incoming() as (file, path):
        yield Incoming(folder, grant, file, path)
