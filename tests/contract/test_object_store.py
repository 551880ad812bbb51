"""One suite over every object store: in memory, in a folder, in S3 (played by moto)."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from shared.adapters.filesystem import FilesystemObjects
from shared.domain.errors import Permanent, Refused, Retryable
from shared.ports.objects import ObjectStore, SignedRequest
from tests.fakes.object_store import FakeObjects

KEY = "tenants/ten_1/uploads/upl_1/fil_1/1"
BODY = b"what the bidder sent"
SHA = hashlib.sha256(BODY).hexdigest()
PART = 5 << 20


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@dataclass
class Stand:
    """A store, and a client that follows its links: the ETag of a PUT, the body of a GET."""

    objects: ObjectStore
    send: Callable[[SignedRequest, bytes], str]
    clock: SetClock

    def soon(self) -> datetime:
        return self.clock.time + timedelta(minutes=5)


def _filesystem(root: Path, clock: SetClock) -> Stand:
    objects = FilesystemObjects(root, base_url="http://localhost", key=b"k" * 32, clock=clock)

    def send(request: SignedRequest, body: bytes) -> str:
        url = urlsplit(request.url)
        grant = objects.verify(request.method, unquote(url.path.removeprefix("/objects/")), dict(parse_qsl(url.query)))
        if request.method == "GET":
            return objects.read(grant.key).decode()
        with objects.receive(grant) as incoming:
            for at in range(0, len(body), 1 << 20):
                incoming.write(body[at : at + (1 << 20)])
            return incoming.finish()

    return Stand(objects, send, clock)


def _send_http(request: SignedRequest, body: bytes) -> str:
    import requests

    answer = requests.request(request.method, request.url, data=body, headers=request.headers, timeout=5)
    answer.raise_for_status()
    return answer.text if request.method == "GET" else str(answer.headers["ETag"]).strip('"')


@pytest.fixture
def s3_stand(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    import boto3
    from botocore.config import Config
    from moto import mock_aws

    from shared.adapters.s3 import S3Objects

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client: Any = boto3.client("s3", region_name="eu-central-1", config=Config(signature_version="s3v4"))
        where = {"LocationConstraint": "eu-central-1"}
        client.create_bucket(Bucket="objects", CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
        clock = SetClock()
        clock.time = datetime.now(UTC)
        yield Stand(S3Objects(client, bucket="objects", clock=clock), _send_http, clock)


@pytest.fixture(params=["fake", "filesystem", "s3"])
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Stand:
    if request.param == "s3":
        found: Stand = request.getfixturevalue("s3_stand")
        return found
    clock = SetClock()
    if request.param == "filesystem":
        return _filesystem(tmp_path, clock)
    fake = FakeObjects(clock)
    return Stand(fake, fake.send, clock)


def test_what_was_put_is_what_is_got(stand: Stand) -> None:
    stored = stand.objects.put(KEY, BODY, media_type="text/plain")
    assert (stored.size_bytes, stored.sha256) == (len(BODY), SHA)
    assert stand.objects.head(KEY) == stored
    assert stand.objects.read(KEY) == BODY
    assert next(iter(stand.objects.stream(KEY, piece=7))) == BODY[:7]
    assert b"".join(stand.objects.stream(KEY, piece=7)) == BODY
    with stand.objects.as_file(KEY) as path:
        assert path.read_bytes() == BODY


def test_a_file_is_put_as_its_bytes_are(stand: Stand, tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(BODY * 100_000)
    stored = stand.objects.put(KEY, path, media_type="text/plain")
    assert (stored.size_bytes, stored.sha256) == (path.stat().st_size, hashlib.sha256(BODY * 100_000).hexdigest())
    assert stand.objects.head(KEY) == stand.objects.put(KEY, path, media_type="text/plain") == stored
    assert stand.objects.read(KEY) == path.read_bytes()
    with pytest.raises(Permanent):
        stand.objects.put(KEY, BODY, media_type="text/plain")


def test_a_missing_object_is_not_found(stand: Stand) -> None:
    for look in (stand.objects.head, stand.objects.read, lambda key: list(stand.objects.stream(key))):
        with pytest.raises(Permanent) as caught:
            look(KEY)
        assert caught.value.code == "DOC_STORAGE_MISSING"
    with pytest.raises(Permanent), stand.objects.as_file(KEY):
        pass
    with pytest.raises(Permanent):
        stand.objects.sign_get(KEY, filename="a.pdf", attachment=True, expires_at=stand.soon())


def test_an_object_is_written_once(stand: Stand) -> None:
    first = stand.objects.put(KEY, BODY, media_type="text/plain")
    assert stand.objects.put(KEY, BODY, media_type="text/plain") == first
    with pytest.raises(Permanent) as caught:
        stand.objects.put(KEY, b"other", media_type="text/plain")
    assert caught.value.code == "REPORT_IMMUTABLE"
    assert stand.objects.read(KEY) == BODY


def test_a_key_that_leaves_its_folder_is_refused(stand: Stand) -> None:
    for key in ("../x", "a//b", "/etc/x", "a/../b", "a\\b", "", ".hidden", "a/%2e%2e/b", "x" * 500):
        with pytest.raises(ValueError):
            stand.objects.put(key, BODY, media_type="text/plain")


def test_a_link_uploads_exactly_what_was_declared(stand: Stand) -> None:
    link = stand.objects.sign_put(
        KEY, size_bytes=len(BODY), sha256=SHA, media_type="text/plain", expires_at=stand.soon()
    )
    assert link.method == "PUT"
    stand.send(link, BODY)
    assert stand.objects.head(KEY).sha256 == SHA


def test_a_link_reads_what_is_stored(stand: Stand) -> None:
    stand.objects.put(KEY, BODY, media_type="text/plain")
    link = stand.objects.sign_get(KEY, filename="标书.pdf", attachment=True, expires_at=stand.soon())
    assert stand.send(link, b"") == BODY.decode()


def test_parts_become_one_object(stand: Stand) -> None:
    multipart = stand.objects.start_multipart(KEY, media_type="application/pdf")
    bodies = {1: b"a" * PART, 2: b"b" * 10}
    assert stand.objects.parts(KEY, multipart) == []
    etags = {
        number: stand.send(stand.objects.sign_part(KEY, multipart, number=number, expires_at=stand.soon()), body)
        for number, body in bodies.items()
    }
    arrived = stand.objects.parts(KEY, multipart)
    assert [(part.number, part.size_bytes, part.etag) for part in arrived] == [(1, PART, etags[1]), (2, 10, etags[2])]
    stored = stand.objects.finish_multipart(KEY, multipart, parts=[(2, etags[2]), (1, etags[1])])
    joined = bodies[1] + bodies[2]
    assert (stored.size_bytes, stored.sha256) == (len(joined), hashlib.sha256(joined).hexdigest())
    assert stand.objects.read(KEY) == joined
    assert stand.objects.parts(KEY, multipart) == []


@pytest.mark.parametrize("wrong", [[(1, "0" * 64)], [], [(1, "right"), (2, "0" * 64)]])
def test_wrong_parts_are_refused(stand: Stand, wrong: list[tuple[int, str]]) -> None:
    multipart = stand.objects.start_multipart(KEY, media_type="application/pdf")
    etag = stand.send(stand.objects.sign_part(KEY, multipart, number=1, expires_at=stand.soon()), BODY)
    with pytest.raises(Refused) as caught:
        stand.objects.finish_multipart(
            KEY, multipart, parts=[(number, etag if given == "right" else given) for number, given in wrong]
        )
    assert caught.value.code == "UPLOAD_PARTS_INVALID"
    with pytest.raises(Permanent):
        stand.objects.head(KEY)


def test_a_part_sent_again_replaces_itself(stand: Stand) -> None:
    multipart = stand.objects.start_multipart(KEY, media_type="application/pdf")
    link = stand.objects.sign_part(KEY, multipart, number=1, expires_at=stand.soon())
    stand.send(link, b"torn")
    etag = stand.send(link, BODY)
    assert [part.etag for part in stand.objects.parts(KEY, multipart)] == [etag]
    assert stand.objects.finish_multipart(KEY, multipart, parts=[(1, etag)]).sha256 == SHA


def test_an_aborted_upload_leaves_no_parts(stand: Stand) -> None:
    multipart = stand.objects.start_multipart(KEY, media_type="application/pdf")
    stand.send(stand.objects.sign_part(KEY, multipart, number=1, expires_at=stand.soon()), BODY)
    stand.objects.abort_multipart(KEY, multipart)
    stand.objects.abort_multipart(KEY, multipart)
    assert stand.objects.parts(KEY, multipart) == []


def test_a_removed_object_is_gone(stand: Stand) -> None:
    stand.objects.put(KEY, BODY, media_type="text/plain")
    stand.objects.remove(KEY)
    stand.objects.remove(KEY)
    with pytest.raises(Permanent):
        stand.objects.head(KEY)


def test_a_locked_object_cannot_be_removed(stand: Stand) -> None:
    until = stand.clock.now().replace(microsecond=0) + timedelta(days=30)
    stand.objects.put(KEY, BODY, media_type="application/pdf", locked_until=until)
    with pytest.raises(Refused) as caught:
        stand.objects.remove(KEY)
    assert caught.value.code == "RETENTION_ACTIVE"
    assert stand.objects.read(KEY) == BODY


def test_objects_are_listed_below_a_prefix_with_size_and_age(stand: Stand) -> None:
    assert list(stand.objects.listed("tenants/ten_1/")) == []
    other = "tenants/ten_10/uploads/upl_1/fil_1/1"
    for key in (KEY, "tenants/ten_1/reports/evl_1/v1.json", other):
        stand.objects.put(key, BODY, media_type="text/plain")
    found = {one.key: one for one in stand.objects.listed("tenants/ten_1/")}
    assert sorted(found) == ["tenants/ten_1/reports/evl_1/v1.json", KEY]
    assert {one.size_bytes for one in found.values()} == {len(BODY)}
    assert all(one.written_at.tzinfo is not None for one in found.values())
    assert [one.key for one in stand.objects.listed("tenants/ten_10/")] == [other]


def test_an_object_that_is_removed_while_they_are_listed_stops_no_listing(stand: Stand) -> None:
    keys = [f"tenants/ten_1/uploads/upl_1/fil_{n}/1" for n in range(5)]
    for key in keys:
        stand.objects.put(key, BODY, media_type="text/plain")
    listing = stand.objects.listed("tenants/ten_1/")
    first = next(listing).key
    for key in keys:
        stand.objects.remove(key)
    assert {first} <= {first, *(one.key for one in listing)} <= set(keys)


def test_unfinished_uploads_are_listed_until_they_end(stand: Stand) -> None:
    first = stand.objects.start_multipart(KEY, media_type="application/pdf")
    second = stand.objects.start_multipart(KEY[:-1] + "2", media_type="application/pdf")
    stand.objects.start_multipart("tenants/ten_2/uploads/upl_1/fil_1/1", media_type="application/pdf")
    found = {(one.key, one.multipart_id) for one in stand.objects.unfinished("tenants/ten_1/")}
    assert found == {(KEY, first), (KEY[:-1] + "2", second)}
    assert all(one.started_at.tzinfo is not None for one in stand.objects.unfinished("tenants/ten_1/"))
    stand.objects.abort_multipart(KEY, first)
    assert [one.multipart_id for one in stand.objects.unfinished("tenants/ten_1/")] == [second]


def test_a_quarantined_object_keeps_bytes_and_lock_under_another_key(stand: Stand) -> None:
    until = stand.clock.now().replace(microsecond=0) + timedelta(days=30)
    stand.objects.put(KEY, BODY, media_type="application/pdf", locked_until=until)
    assert stand.objects.locked_until(KEY) == until
    key = stand.objects.quarantine(KEY)
    assert (stand.objects.read(key), stand.objects.locked_until(key)) == (BODY, until)
    assert stand.objects.head(key).sha256 == SHA
    assert list(stand.objects.listed("tenants/ten_1/")) == []
    with pytest.raises(Permanent):
        stand.objects.head(KEY)
    stand.objects.put(KEY, b"other bytes", media_type="application/pdf")
    assert stand.objects.locked_until(KEY) is None
    assert stand.objects.read(stand.objects.quarantine(KEY)) == b"other bytes"
    for look in (stand.objects.quarantine, stand.objects.locked_until):
        with pytest.raises(Permanent) as caught:
            look(KEY)
        assert caught.value.code == "DOC_STORAGE_MISSING"


def test_an_s3_link_signs_length_checksum_and_condition(s3_stand: Stand) -> None:
    link = s3_stand.objects.sign_put(
        KEY, size_bytes=len(BODY), sha256=SHA, media_type="text/plain", expires_at=s3_stand.soon()
    )
    signed = dict(parse_qsl(urlsplit(link.url).query))["X-Amz-SignedHeaders"].split(";")
    assert {"content-length", "content-type", "if-none-match"} <= set(signed)
    assert "x-amz-checksum-sha256" in {*signed, *(name.lower() for name in dict(parse_qsl(urlsplit(link.url).query)))}


@pytest.fixture
def folder(tmp_path: Path) -> Stand:
    return _filesystem(tmp_path, SetClock())


def _put_link(stand: Stand) -> SignedRequest:
    return stand.objects.sign_put(
        KEY, size_bytes=len(BODY), sha256=SHA, media_type="text/plain", expires_at=stand.soon()
    )


@pytest.mark.parametrize("body", [b"x" * len(BODY), BODY[:-1], BODY + b"!"])
def test_other_bytes_than_signed_are_not_kept(folder: Stand, body: bytes) -> None:
    with pytest.raises((Refused, Retryable)) as caught:
        folder.send(_put_link(folder), body)
    assert caught.value.code in ("CHECKSUM_MISMATCH", "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED")
    with pytest.raises(Permanent):
        folder.objects.head(KEY)


def test_a_link_does_not_overwrite(folder: Stand) -> None:
    folder.send(_put_link(folder), BODY)
    with pytest.raises(Refused) as caught:
        folder.send(_put_link(folder), BODY)
    assert caught.value.code == "REQ_PRECONDITION_FAILED"


def test_an_expired_link_is_refused(folder: Stand) -> None:
    link = _put_link(folder)
    folder.clock.time += timedelta(minutes=6)
    with pytest.raises(Refused) as caught:
        folder.send(link, BODY)
    assert caught.value.code == "AUTH_FORBIDDEN"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fil_1", "fil_2"),
        ("size_bytes=20", "size_bytes=21"),
        ("expires=", "expires=9"),
        (SHA, "0" * 64),
        ("signature=", "signature=0"),
        ("&signature=", "&part=1&signature="),
        ("&signature=", "&attachment=1&signature="),
        ("&signature=", "&nothing="),
    ],
)
def test_an_altered_link_is_refused(folder: Stand, old: str, new: str) -> None:
    link = _put_link(folder)
    assert old in link.url
    altered = SignedRequest("PUT", link.url.replace(old, new), {}, link.expires_at)
    with pytest.raises(Refused) as caught:
        folder.send(altered, BODY)
    assert caught.value.code == "AUTH_FORBIDDEN"


def test_a_link_to_write_does_not_read(folder: Stand) -> None:
    folder.send(_put_link(folder), BODY)
    link = _put_link(folder)
    with pytest.raises(Refused):
        folder.send(SignedRequest("GET", link.url, {}, link.expires_at), b"")


def test_a_torn_write_leaves_nothing_behind(folder: Stand, tmp_path: Path) -> None:
    objects = folder.objects
    assert isinstance(objects, FilesystemObjects)
    url = urlsplit(_put_link(folder).url)
    grant = objects.verify("PUT", KEY, dict(parse_qsl(url.query)))
    with pytest.raises(ConnectionError), objects.receive(grant) as incoming:
        incoming.write(BODY[:5])
        raise ConnectionError("the client hung up")
    assert list((tmp_path / "incoming").iterdir()) == []
    folder.send(_put_link(folder), BODY)
    assert objects.head(KEY).sha256 == SHA
