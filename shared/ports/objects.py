"""Stored bytes: written once under keys computed from ids (spec A53, D20, S90)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What the store knows of an object: bytes, hex SHA-256 and version id."""

    key: str
    size_bytes: int
    sha256: str
    version: str


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request that the holder may make until it expires, with the headers it must send."""

    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part of an unfinished multipart upload that has arrived; numbers count from 1."""

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object in a listing: bytes, and when it was written."""

    key: str
    size_bytes: int
    written_at: datetime


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """A multipart upload that was neither finished nor aborted."""

    key: str
    multipart_id: str
    started_at: datetime


class WatchedObjects(Protocol):
    """What a sweep looks at and sets aside; a prefix ends with a slash (W119)."""

    def listed(self, prefix: str) -> Iterator[ListedObject]:
        """Every object below the prefix, in any order; objects that are written meanwhile may be left out."""
        ...

    def unfinished(self, prefix: str) -> Iterator[UnfinishedUpload]:
        """Every unfinished multipart upload of a key below the prefix, in any order."""
        ...

    def locked_until(self, key: str) -> datetime | None:
        """Until when the object cannot be removed, or None; raises Permanent DOC_STORAGE_MISSING."""
        ...

    def quarantine(self, key: str) -> str:
        """Move the object to quarantine_key(key), with its lock, and return that key; bytes that were there stay as an
        older version. Raises Permanent DOC_STORAGE_MISSING."""
        ...


class UnfinishedObjects(Protocol):
    """What may still be looked at or taken back; taking back what is not there does nothing."""

    def parts(self, key: str, multipart_id: str) -> list[StoredPart]:
        """The parts that have arrived, in order; none for an upload that ended."""
        ...

    def abort_multipart(self, key: str, multipart_id: str) -> None:
        """Forget the upload and its parts."""
        ...

    def remove(self, key: str) -> None:
        """Delete the object; raises Refused RETENTION_ACTIVE while it is locked."""
        ...


class ObjectStore(UnfinishedObjects, WatchedObjects, Protocol):
    """Every method raises Permanent DOC_STORAGE_MISSING for a key that is not there."""

    def put(
        self, key: str, body: bytes | Path, *, media_type: str, locked_until: datetime | None = None
    ) -> StoredObject:
        """Write bytes, or those of a file piece by piece, once. The same bytes again are no error; other bytes raise
        Permanent REPORT_IMMUTABLE."""
        ...

    def head(self, key: str) -> StoredObject:
        """Size, hash and version; the hash is of the stored bytes."""
        ...

    def read(self, key: str) -> bytes:
        """All bytes."""
        ...

    def stream(self, key: str, *, piece: int = 1 << 20) -> Iterator[bytes]:
        """The bytes in pieces of at most `piece` bytes."""
        ...

    def as_file(self, key: str) -> AbstractContextManager[Path]:
        """A local path to read from while the context is open; never written to."""
        ...

    def sign_put(
        self, key: str, *, size_bytes: int, sha256: str, media_type: str, expires_at: datetime
    ) -> SignedRequest:
        """A link for one PUT that signs length and checksum and refuses an existing key."""
        ...

    def sign_get(self, key: str, *, filename: str, attachment: bool, expires_at: datetime) -> SignedRequest:
        """A link to read one object version."""
        ...

    def start_multipart(self, key: str, *, media_type: str) -> str:
        """Open a multipart upload and return its id."""
        ...

    def sign_part(self, key: str, multipart_id: str, *, number: int, expires_at: datetime) -> SignedRequest:
        """A link to PUT one part; numbers count from 1."""
        ...

    def finish_multipart(self, key: str, multipart_id: str, *, parts: list[tuple[int, str]]) -> StoredObject:
        """Join (number, etag) parts once; missing or wrong ones raise Refused UPLOAD_PARTS_INVALID."""
        ...
