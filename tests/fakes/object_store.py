"""An object store in memory, held to the same contract suite as the real ones."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from shared.domain.errors import Permanent, Refused, Retryable
from shared.domain.object_keys import check_key, quarantine_key
from shared.domain.upload_rules import MIB
from shared.ports.objects import ListedObject, SignedRequest, StoredObject, StoredPart, UnfinishedUpload
from shared.ports.platform import Clock


@dataclass
class _Kept:
    body: bytes
    written_at: datetime
    locked_until: datetime | None = None


@dataclass
class _Unfinished:
    key: str
    started_at: datetime
    parts: dict[int, bytes] = field(default_factory=dict)


class FakeObjects:
    """Implements ObjectStore; `send` plays the client that follows a signed link."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._unfinished: dict[str, _Unfinished] = {}
        self._links: dict[str, tuple[str, str, int | str]] = {}

    def put(
        self, key: str, body: bytes | Path, *, media_type: str, locked_until: datetime | None = None
    ) -> StoredObject:
        body = body if isinstance(body, bytes) else body.read_bytes()
        there = self._kept.setdefault(check_key(key), _Kept(body, self._clock.now(), locked_until))
        if there.body != body:
            raise Permanent("REPORT_IMMUTABLE")
        return self.head(key)

    def head(self, key: str) -> StoredObject:
        body = self.read(key)
        digest = hashlib.sha256(body).hexdigest()
        return StoredObject(key, len(body), digest, digest)

    def read(self, key: str) -> bytes:
        if key not in self._kept:
            raise Permanent("DOC_STORAGE_MISSING")
        return self._kept[key].body

    def stream(self, key: str, *, piece: int = MIB) -> Iterator[bytes]:
        body = self.read(key)
        return (body[at : at + piece] for at in range(0, len(body), piece))

    @contextmanager
    def as_file(self, key: str) -> Iterator[Path]:
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.read(key))
            file.flush()
            yield Path(file.name)

    def sign_put(
        self, key: str, *, size_bytes: int, sha256: str, media_type: str, expires_at: datetime
    ) -> SignedRequest:
        return self._link("PUT", check_key(key), sha256, expires_at)

    def sign_get(self, key: str, *, filename: str, attachment: bool, expires_at: datetime) -> SignedRequest:
        self.head(key)
        return self._link("GET", key, "", expires_at)

    def start_multipart(self, key: str, *, media_type: str) -> str:
        multipart_id = f"upload{len(self._unfinished)}"
        self._unfinished[multipart_id] = _Unfinished(check_key(key), self._clock.now())
        return multipart_id

    def sign_part(self, key: str, multipart_id: str, *, number: int, expires_at: datetime) -> SignedRequest:
        return self._link(multipart_id, key, number, expires_at)

    def finish_multipart(self, key: str, multipart_id: str, *, parts: list[tuple[int, str]]) -> StoredObject:
        arrived = {part.number: part for part in self.parts(key, multipart_id)}
        ordered = sorted(parts)
        small = any(number in arrived and arrived[number].size_bytes < 5 * MIB for number, _ in ordered[:-1])
        if small or not parts or {n: p.etag for n, p in arrived.items()} != dict(parts):
            raise Refused("UPLOAD_PARTS_INVALID")
        pieces = self._unfinished.pop(multipart_id).parts
        return self.put(key, b"".join(pieces[number] for number, _ in ordered), media_type="")

    def parts(self, key: str, multipart_id: str) -> list[StoredPart]:
        found = self._unfinished[multipart_id].parts if multipart_id in self._unfinished else {}
        return [StoredPart(n, len(found[n]), hashlib.sha256(found[n]).hexdigest()) for n in sorted(found)]

    def abort_multipart(self, key: str, multipart_id: str) -> None:
        self._unfinished.pop(multipart_id, None)

    def remove(self, key: str) -> None:
        kept = self._kept.get(key)
        if kept and kept.locked_until and kept.locked_until > self._clock.now():
            raise Refused("RETENTION_ACTIVE")
        self._kept.pop(key, None)

    def listed(self, prefix: str) -> Iterator[ListedObject]:
        found = [(key, kept) for key, kept in self._kept.items() if key.startswith(prefix)]
        return (ListedObject(key, len(kept.body), kept.written_at) for key, kept in found)

    def unfinished(self, prefix: str) -> Iterator[UnfinishedUpload]:
        found = [(id, one) for id, one in self._unfinished.items() if one.key.startswith(prefix)]
        return (UnfinishedUpload(one.key, id, one.started_at) for id, one in found)

    def locked_until(self, key: str) -> datetime | None:
        self.head(key)
        return self._kept[key].locked_until

    def quarantine(self, key: str) -> str:
        self.head(key)
        self._kept[quarantine_key(key)] = self._kept.pop(key)
        return quarantine_key(key)

    def send(self, request: SignedRequest, body: bytes = b"") -> str:
        """Follow the link; the ETag of a PUT, the text of a GET."""
        kind, key, value = self._links[request.url]
        if request.expires_at <= self._clock.now():
            raise Refused("AUTH_FORBIDDEN")
        if kind == "GET":
            return self.read(key).decode()
        etag = hashlib.sha256(body).hexdigest()
        if kind != "PUT":
            self._unfinished[kind].parts[int(value)] = body
        elif etag != value:
            raise Retryable("CHECKSUM_MISMATCH")
        elif key in self._kept:
            raise Refused("REQ_PRECONDITION_FAILED")
        else:
            self.put(key, body, media_type="")
        return etag

    def _link(self, kind: str, key: str, value: int | str, expires_at: datetime) -> SignedRequest:
        url = f"fake:{len(self._links)}"
        self._links[url] = (kind, key, value)
        return SignedRequest("GET" if kind == "GET" else "PUT", url, {}, expires_at)
