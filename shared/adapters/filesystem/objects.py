"""The ObjectStore port over files (spec A53, S90); `verify` and `receive` serve the links it signs."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from shared.adapters.filesystem.folder import ObjectFolder
from shared.adapters.filesystem.incoming import Incoming, receive
from shared.adapters.filesystem.links import Grant, link, read_link
from shared.domain.errors import Permanent, Refused, Retryable
from shared.domain.object_keys import check_key, quarantine_key
from shared.domain.upload_rules import MIB
from shared.ports.objects import ListedObject, SignedRequest, StoredObject, StoredPart, UnfinishedUpload
from shared.ports.platform import Clock

SMALLEST_PART = 5 * MIB


@contextmanager
def _typed() -> Iterator[None]:
    """A disk that is full, gone or closed to us is tried again, elsewhere or later (F26, F36)."""
    try:
        yield
    except OSError as error:
        raise Retryable("DEPENDENCY_UNAVAILABLE", "the object store did not answer") from error


class _FilesystemUploads:
    """What is not finished yet, and taking things back."""

    def __init__(self, root: Path, *, base_url: str, key: bytes, clock: Clock) -> None:
        self._folder = ObjectFolder(root)
        self._base_url, self._key, self._clock = base_url, key, clock

    def start_multipart(self, key: str, *, media_type: str) -> str:
        """Open a multipart upload and return its id."""
        multipart_id = secrets.token_hex(16)
        folder = self._folder.part_folder(multipart_id)
        folder.mkdir(parents=True)
        (folder / "target").write_text(f"{check_key(key)}\n{media_type}")
        return multipart_id

    def sign_part(self, key: str, multipart_id: str, *, number: int, expires_at: datetime) -> SignedRequest:
        """A link to PUT one part."""
        grant = Grant(
            method="PUT", key=check_key(key), expires=int(expires_at.timestamp()), upload=multipart_id, part=number
        )
        return self._signed(grant, {}, expires_at)

    def parts(self, key: str, multipart_id: str) -> list[StoredPart]:
        """The parts that have arrived, in order."""
        found = sorted(self._folder.part_folder(multipart_id).glob("[0-9]*-*"))
        return [StoredPart(int(p.name[:5]), p.stat().st_size, p.name[6:]) for p in found]

    def finish_multipart(self, key: str, multipart_id: str, *, parts: list[tuple[int, str]]) -> StoredObject:
        """Join the parts in the order of their numbers; each but the last has at least 5 MiB, as in S3."""
        folder = self._folder.part_folder(multipart_id)
        paths = [folder / f"{number:05d}-{etag}" for number, etag in sorted(parts)]
        known = {part.number for part in self.parts(key, multipart_id)}
        if not paths or known != {number for number, _ in parts} or not all(path.is_file() for path in paths):
            raise Refused("UPLOAD_PARTS_INVALID", details={"received": sorted(known)[:100]})
        if any(path.stat().st_size < SMALLEST_PART for path in paths[:-1]):
            raise Refused("UPLOAD_PARTS_INVALID", details={"smallest_part": SMALLEST_PART})
        target, _, media_type = (folder / "target").read_text().partition("\n")
        if target != key:
            raise Refused("UPLOAD_PARTS_INVALID", "the parts belong to another object")
        stored = self._join(key, paths, media_type)
        shutil.rmtree(folder)
        return stored

    def abort_multipart(self, key: str, multipart_id: str) -> None:
        """Forget the upload and its parts."""
        folder = self._folder.part_folder(multipart_id)
        if folder.is_dir():
            shutil.rmtree(folder)

    def remove(self, key: str) -> None:
        """Delete the object; raises Refused RETENTION_ACTIVE while it is locked."""
        try:
            locked = self._folder.sidecar(key)["locked_until"]
        except Permanent:
            return
        if locked and datetime.fromisoformat(locked) > self._clock.now():
            raise Refused("RETENTION_ACTIVE", details={"locked_until": locked})
        self._folder.remove(key)

    def _signed(self, grant: Grant, headers: dict[str, str], expires_at: datetime) -> SignedRequest:
        return SignedRequest(grant.method, link(grant, key=self._key, base_url=self._base_url), headers, expires_at)

    def _join(self, key: str, paths: list[Path], media_type: str) -> StoredObject:
        with _typed(), self._folder.incoming() as (file, written):
            hashed, size = hashlib.sha256(), 0
            for path in paths:
                for piece in _pieces(path, MIB):
                    hashed.update(piece)
                    size += len(piece)
                    file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            stored = StoredObject(key, size, hashed.hexdigest(), hashed.hexdigest())
            return _once(self._folder, written, stored, media_type=media_type, locked_until=None)


class _WatchedFiles(_FilesystemUploads):
    """What a sweep looks at and sets aside."""

    def listed(self, prefix: str) -> Iterator[ListedObject]:
        """Every object below the prefix; it was written when its sidecar was."""
        for key, sidecar in self._folder.keys(prefix):
            try:
                found = ListedObject(key, self._folder.head(key).size_bytes, _time_of(sidecar))
            except (FileNotFoundError, Permanent):
                continue  # removed since the folder was read
            yield found

    def unfinished(self, prefix: str) -> Iterator[UnfinishedUpload]:
        """Every upload whose parts lie here; it was started when its target was written."""
        found: list[UnfinishedUpload] = []
        for key, multipart_id, target in self._folder.unfinished():
            if key.startswith(prefix):
                with suppress(FileNotFoundError):  # finished since the folder was read
                    found.append(UnfinishedUpload(key, multipart_id, _time_of(target)))
        return iter(found)

    def locked_until(self, key: str) -> datetime | None:
        """The lock of the sidecar."""
        locked = self._folder.sidecar(key)["locked_until"]
        return datetime.fromisoformat(locked) if locked else None

    def quarantine(self, key: str) -> str:
        """Move sidecar and bytes."""
        self._folder.move(key, quarantine_key(key))
        return quarantine_key(key)


class FilesystemObjects(_WatchedFiles):
    """Objects below `root`; links point below `base_url` and are signed with `key` (32 bytes)."""

    def put(
        self, key: str, body: bytes | Path, *, media_type: str, locked_until: datetime | None = None
    ) -> StoredObject:
        """Write once; the same bytes again change nothing, other bytes raise Permanent REPORT_IMMUTABLE."""
        hashed, size = hashlib.sha256(), 0
        with _typed(), self._folder.incoming() as (file, written):
            for piece in (body,) if isinstance(body, bytes) else _pieces(body, MIB):
                hashed.update(piece)
                size += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            stored = StoredObject(check_key(key), size, hashed.hexdigest(), hashed.hexdigest())
            return _once(self._folder, written, stored, media_type=media_type, locked_until=locked_until)

    def head(self, key: str) -> StoredObject:
        """Size, hash and version; the hash was taken while the bytes were written."""
        with _typed():
            return self._folder.head(key)

    def read(self, key: str) -> bytes:
        """All bytes."""
        with _typed():
            return self._folder.path(key).read_bytes()

    def stream(self, key: str, *, piece: int = MIB) -> Iterator[bytes]:
        """The bytes in pieces."""
        with _typed():
            path = self._folder.path(key)
        return _pieces(path, piece)

    @contextmanager
    def as_file(self, key: str) -> Iterator[Path]:
        """The stored file itself; never written to."""
        with _typed():
            path = self._folder.path(key)
        yield path

    def sign_put(
        self, key: str, *, size_bytes: int, sha256: str, media_type: str, expires_at: datetime
    ) -> SignedRequest:
        """A link for one PUT of exactly these bytes."""
        grant = Grant(
            method="PUT",
            key=check_key(key),
            expires=int(expires_at.timestamp()),
            size_bytes=size_bytes,
            sha256=sha256,
            media_type=media_type,
        )
        return self._signed(grant, {"Content-Type": media_type, "If-None-Match": "*"}, expires_at)

    def sign_get(self, key: str, *, filename: str, attachment: bool, expires_at: datetime) -> SignedRequest:
        """A link to read the version that is stored now."""
        found = self._folder.sidecar(key)
        grant = Grant(
            method="GET",
            key=key,
            expires=int(expires_at.timestamp()),
            version=found["version"],
            media_type=found["media_type"],
            filename=filename,
            attachment=attachment,
        )
        return self._signed(grant, {}, expires_at)

    def verify(self, method: str, key: str, query: Mapping[str, str]) -> Grant:
        """What the request may do; raises Refused AUTH_FORBIDDEN for a forged, altered or expired link."""
        return read_link(method, key, query, key=self._key, now=self._clock.now())

    def receive(self, grant: Grant) -> AbstractContextManager[Incoming]:
        """Take in the body of a PUT that `verify` allowed."""
        return receive(self._folder, grant)


def _once(
    folder: ObjectFolder, written: Path, stored: StoredObject, *, media_type: str, locked_until: datetime | None
) -> StoredObject:
    try:
        return folder.keep(written, stored, media_type=media_type, locked_until=locked_until)
    except FileExistsError as error:
        there = folder.head(stored.key)
        if there.sha256 != stored.sha256:
            raise Permanent("REPORT_IMMUTABLE", "the key holds other bytes") from error
        return there


def _pieces(path: Path, size: int) -> Iterator[bytes]:
    with _typed(), path.open("rb") as file:
        while piece := file.read(size):
            yield piece


def _time_of(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
