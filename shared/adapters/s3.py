"""The ObjectStore port over S3: conditional writes, checksums, signed links, Object Lock (spec A53, S90)."""

import base64
import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from shared.adapters.aws_calls import in_our_words
from shared.domain.errors import CodedError, Permanent, Refused, Retryable
from shared.domain.object_keys import check_key, quarantine_key
from shared.domain.upload_rules import MIB
from shared.ports.objects import ListedObject, SignedRequest, StoredObject, StoredPart, UnfinishedUpload
from shared.ports.platform import Clock

_MISSING = frozenset({"404", "NoSuchKey", "NoSuchUpload", "NotFound", "NoSuchVersion"})
_TAKEN = frozenset({"412", "PreconditionFailed"})
_RACED = "ConditionalRequestConflict"  # another write or delete of the key is under way; who wins is not known yet
_BAD_PARTS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "NoSuchUpload", "MalformedXML"})


def _code(error: ClientError | BotoCoreError) -> str:
    """What S3 said; nothing when it did not answer."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _translate(error: ClientError | BotoCoreError) -> CodedError:
    if _code(error) in _MISSING:
        return Permanent("DOC_STORAGE_MISSING")
    if _code(error) == _RACED:
        return Retryable("DEPENDENCY_UNAVAILABLE", "another write of the key is under way")
    return in_our_words(error)


@contextmanager
def _typed() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise _translate(error) from error


def _pieces(body: Any, size: int) -> Iterator[bytes]:
    """A connection that breaks in the middle of the bytes is a failure like any other."""
    with _typed():
        yield from body.iter_chunks(size)


def _rewind(params: dict[str, Any], **_: Any) -> None:
    """Every try of a put begins with the first byte; the one before has read the file to its end. Links have none."""
    if "Body" in params:
        params["Body"].seek(0)


class _S3Uploads:
    """What is not finished yet, and taking things back."""

    def __init__(self, client: Any, *, bucket: str, clock: Clock) -> None:
        self._client, self._bucket, self._clock = client, bucket, clock
        client.meta.events.register("before-parameter-build.s3.PutObject", _rewind, unique_id="rewind")

    def start_multipart(self, key: str, *, media_type: str) -> str:
        """Open a multipart upload and return its id."""
        with _typed():
            made = self._client.create_multipart_upload(Bucket=self._bucket, Key=check_key(key), ContentType=media_type)
        return str(made["UploadId"])

    def sign_part(self, key: str, multipart_id: str, *, number: int, expires_at: datetime) -> SignedRequest:
        """A link to PUT one part."""
        place = {"UploadId": multipart_id, "PartNumber": number}
        return self._signed("upload_part", "PUT", check_key(key), place, {}, expires_at)

    def parts(self, key: str, multipart_id: str) -> list[StoredPart]:
        """The parts that have arrived, in order; none for an upload that ended."""
        pages = self._client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=multipart_id)
        try:
            found = [part for page in pages for part in page.get("Parts", [])]
        except (ClientError, BotoCoreError) as error:
            if _code(error) in _MISSING:
                return []
            raise _translate(error) from error
        return [StoredPart(p["PartNumber"], p["Size"], p["ETag"].strip('"')) for p in found]

    def finish_multipart(self, key: str, multipart_id: str, *, parts: list[tuple[int, str]]) -> StoredObject:
        """Join the parts unless the key is taken; S3 checks numbers, ETags and the smallest size of 5 MiB."""
        if {number for number, _ in parts} != {part.number for part in self.parts(key, multipart_id)}:
            raise Refused("UPLOAD_PARTS_INVALID")
        named = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(parts)]
        try:
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=check_key(key),
                UploadId=multipart_id,
                MultipartUpload={"Parts": named},
                IfNoneMatch="*",
            )
        except (ClientError, BotoCoreError) as error:
            if _code(error) in _BAD_PARTS:
                raise Refused("UPLOAD_PARTS_INVALID") from error
            if _code(error) in _TAKEN | {_RACED}:  # S3 has voided the parts
                raise Permanent("REPORT_IMMUTABLE", "the key is taken") from error
            raise _translate(error) from error
        return self.head(key)

    def abort_multipart(self, key: str, multipart_id: str) -> None:
        """Forget the upload and its parts."""
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=check_key(key), UploadId=multipart_id)
        except (ClientError, BotoCoreError) as error:
            if _code(error) not in _MISSING:
                raise _translate(error) from error

    def remove(self, key: str) -> None:
        """Delete the object's version; raises Refused RETENTION_ACTIVE while Object Lock holds it."""
        try:
            found = self._client.head_object(Bucket=self._bucket, Key=check_key(key))
        except (ClientError, BotoCoreError) as error:
            if _code(error) in _MISSING:
                return
            raise _translate(error) from error
        locked = found.get("ObjectLockRetainUntilDate")
        if locked and locked > self._clock.now():
            raise Refused("RETENTION_ACTIVE", details={"locked_until": locked.isoformat()})
        version = {"VersionId": found["VersionId"]} if found.get("VersionId") else {}
        with _typed():
            self._client.delete_object(Bucket=self._bucket, Key=key, **version)

    def head(self, key: str) -> StoredObject:
        """Size, hash and version. S3 keeps no SHA-256 over all bytes of a joined object, so that one is read."""
        with _typed():
            found = self._client.head_object(Bucket=self._bucket, Key=check_key(key), ChecksumMode="ENABLED")
        checksum = found.get("ChecksumSHA256", "")
        # A checksum of checksums ends in "-<parts>".
        if checksum and "-" not in checksum:
            sha256 = base64.b64decode(checksum).hex()
        else:
            hashed = hashlib.sha256()
            for piece in self.stream(key):
                hashed.update(piece)
            sha256 = hashed.hexdigest()
        return StoredObject(key, found["ContentLength"], sha256, found.get("VersionId") or found["ETag"].strip('"'))

    def stream(self, key: str, *, piece: int = MIB) -> Iterator[bytes]:
        """The bytes in pieces."""
        with _typed():
            body = self._client.get_object(Bucket=self._bucket, Key=check_key(key))["Body"]
        return _pieces(body, piece)

    def _signed(
        self, call: str, method: str, key: str, params: dict[str, Any], headers: dict[str, str], expires_at: datetime
    ) -> SignedRequest:
        seconds = int((expires_at - self._clock.now()).total_seconds())
        url = self._client.generate_presigned_url(
            call, Params={"Bucket": self._bucket, "Key": key, **params}, ExpiresIn=max(1, seconds), HttpMethod=method
        )
        return SignedRequest(method, url, headers, expires_at)


class _S3Watched(_S3Uploads):
    """What a sweep looks at and sets aside."""

    def listed(self, prefix: str) -> Iterator[ListedObject]:
        """Every object below the prefix, a thousand per request."""
        with _typed():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for found in page.get("Contents", []):
                    yield ListedObject(found["Key"], found["Size"], found["LastModified"])

    def unfinished(self, prefix: str) -> Iterator[UnfinishedUpload]:
        """Every unfinished multipart upload below the prefix."""
        with _typed():
            pages = self._client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for found in page.get("Uploads", []):
                    yield UnfinishedUpload(found["Key"], found["UploadId"], found["Initiated"])

    def locked_until(self, key: str) -> datetime | None:
        """The retention of the newest version."""
        with _typed():
            found = self._client.head_object(Bucket=self._bucket, Key=check_key(key))
        until: datetime | None = found.get("ObjectLockRetainUntilDate")
        return until

    def quarantine(self, key: str) -> str:
        """Copy, lock the copy, then leave a delete marker: every version of both keys stays."""
        to, until = quarantine_key(key), self.locked_until(key)
        source = {"Bucket": self._bucket, "Key": key}
        with _typed():
            self._client.copy_object(Bucket=self._bucket, Key=to, CopySource=source, ChecksumAlgorithm="SHA256")
            if until:
                kept = {"Mode": "COMPLIANCE", "RetainUntilDate": until}
                self._client.put_object_retention(Bucket=self._bucket, Key=to, Retention=kept)
            self._client.delete_object(Bucket=self._bucket, Key=key)
        return to


class S3Objects(_S3Watched):
    """Objects of one bucket with versions and Object Lock; the client must sign with s3v4."""

    def put(
        self, key: str, body: bytes | Path, *, media_type: str, locked_until: datetime | None = None
    ) -> StoredObject:
        """Write once; the same bytes again change nothing, other bytes raise Permanent REPORT_IMMUTABLE."""
        with io.BytesIO(body) if isinstance(body, bytes) else body.open("rb") as file:
            digest, size = hashlib.file_digest(file, "sha256").digest(), file.seek(0, io.SEEK_END)
            return self._put(key, file, size, digest, media_type=media_type, locked_until=locked_until)

    def _put(
        self, key: str, file: BinaryIO, size: int, digest: bytes, *, media_type: str, locked_until: datetime | None
    ) -> StoredObject:
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": locked_until} if locked_until else {}
        try:
            made = self._client.put_object(
                Bucket=self._bucket,
                Key=check_key(key),
                Body=file,
                ContentType=media_type,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=base64.b64encode(digest).decode(),
                IfNoneMatch="*",
                **lock,
            )
        except (ClientError, BotoCoreError) as error:
            if _code(error) not in _TAKEN:
                raise _translate(error) from error
            there = self.head(key)
            if there.sha256 != digest.hex():
                raise Permanent("REPORT_IMMUTABLE", "the key holds other bytes") from error
            return there
        return StoredObject(key, size, digest.hex(), made.get("VersionId") or made["ETag"].strip('"'))

    def read(self, key: str) -> bytes:
        """All bytes."""
        return b"".join(self.stream(key))

    @contextmanager
    def as_file(self, key: str) -> Iterator[Path]:
        """A copy in the temporary folder, deleted when the context closes."""
        with tempfile.NamedTemporaryFile(prefix="object-") as file:
            for piece in self.stream(key):
                file.write(piece)
            file.flush()
            yield Path(file.name)

    def sign_put(
        self, key: str, *, size_bytes: int, sha256: str, media_type: str, expires_at: datetime
    ) -> SignedRequest:
        """A link for one PUT; length, checksum, type and If-None-Match are part of the signature."""
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        params = {
            "ContentLength": size_bytes,
            "ChecksumSHA256": checksum,
            "ContentType": media_type,
            "IfNoneMatch": "*",
        }
        headers = {"Content-Type": media_type, "x-amz-checksum-sha256": checksum, "If-None-Match": "*"}
        return self._signed("put_object", "PUT", check_key(key), params, headers, expires_at)

    def sign_get(self, key: str, *, filename: str, attachment: bool, expires_at: datetime) -> SignedRequest:
        """A link to read the version that is stored now."""
        with _typed():
            found = self._client.head_object(Bucket=self._bucket, Key=check_key(key))
        version = {"VersionId": found["VersionId"]} if found.get("VersionId") else {}
        shown = "attachment" if attachment else "inline"
        name = "".join(f"%{byte:02X}" for byte in filename.encode())
        params = {**version, "ResponseContentDisposition": f"{shown}; filename*=UTF-8''{name}"}
        return self._signed("get_object", "GET", key, params, {}, expires_at)
