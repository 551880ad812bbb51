"""One suite over every object store: in memory, in a folder, in S3 (played by moto)."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.domain.errors import Permanent, Refused
from tests.contract.object_stands import BODY, KEY, SHA, Stand, in_a_folder, in_memory, in_s3, put_link

PART = 5 << 20


@pytest.fixture(params=["fake", "filesystem", "s3"])
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    if request.param == "s3":
        with in_s3() as found:
            yield found
    else:
        yield in_memory() if request.param == "fake" else in_a_folder(tmp_path)


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
    link = put_link(stand)
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
