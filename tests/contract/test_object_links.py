"""What a link to an object lets through, and what it refuses."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from shared.adapters.filesystem import FilesystemObjects
from shared.domain.errors import Permanent, Refused, Retryable
from shared.ports.objects import SignedRequest
from tests.contract.object_stands import BODY, KEY, SHA, Stand, in_a_folder, in_s3, put_link


@pytest.fixture
def s3_stand() -> Iterator[Stand]:
    with in_s3() as stand:
        yield stand


def test_an_s3_link_signs_length_checksum_and_condition(s3_stand: Stand) -> None:
    link = put_link(s3_stand)
    signed = dict(parse_qsl(urlsplit(link.url).query))["X-Amz-SignedHeaders"].split(";")
    assert {"content-length", "content-type", "if-none-match"} <= set(signed)
    assert "x-amz-checksum-sha256" in {*signed, *(name.lower() for name in dict(parse_qsl(urlsplit(link.url).query)))}


@pytest.fixture
def folder(tmp_path: Path) -> Stand:
    return in_a_folder(tmp_path)


@pytest.mark.parametrize("body", [b"x" * len(BODY), BODY[:-1], BODY + b"!"])
def test_other_bytes_than_signed_are_not_kept(folder: Stand, body: bytes) -> None:
    with pytest.raises((Refused, Retryable)) as caught:
        folder.send(put_link(folder), body)
    assert caught.value.code in ("CHECKSUM_MISMATCH", "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED")
    with pytest.raises(Permanent):
        folder.objects.head(KEY)


def test_a_link_does_not_overwrite(folder: Stand) -> None:
    folder.send(put_link(folder), BODY)
    with pytest.raises(Refused) as caught:
        folder.send(put_link(folder), BODY)
    assert caught.value.code == "REQ_PRECONDITION_FAILED"


def test_an_expired_link_is_refused(folder: Stand) -> None:
    link = put_link(folder)
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
    link = put_link(folder)
    assert old in link.url
    altered = SignedRequest("PUT", link.url.replace(old, new), {}, link.expires_at)
    with pytest.raises(Refused) as caught:
        folder.send(altered, BODY)
    assert caught.value.code == "AUTH_FORBIDDEN"


def test_a_link_to_write_does_not_read(folder: Stand) -> None:
    folder.send(put_link(folder), BODY)
    link = put_link(folder)
    with pytest.raises(Refused):
        folder.send(SignedRequest("GET", link.url, {}, link.expires_at), b"")


def test_a_torn_write_leaves_nothing_behind(folder: Stand, tmp_path: Path) -> None:
    objects = folder.objects
    assert isinstance(objects, FilesystemObjects)
    url = urlsplit(put_link(folder).url)
    grant = objects.verify("PUT", KEY, dict(parse_qsl(url.query)))
    with pytest.raises(ConnectionError), objects.receive(grant) as incoming:
        incoming.write(BODY[:5])
        raise ConnectionError("the client hung up")
    assert list((tmp_path / "incoming").iterdir()) == []
    folder.send(put_link(folder), BODY)
    assert objects.head(KEY).sha256 == SHA
