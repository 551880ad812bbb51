"""Fresh links for what is missing."""

from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused, Retryable
from shared.domain.upload_rules import MULTIPART_FROM
from shared.usecases.abort_upload import AbortUpload, abort_upload
from shared.usecases.sign_upload_links import SignedUploadLinks, SignUploadLinks, sign_upload_links
from tests.ingest import Stand, declared, make_stand
from tests.records import clock, ids


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


def sign(stand: Stand, upload_id: str, **command: object) -> SignedUploadLinks:
    made = SignUploadLinks(upload_id=upload_id, **command)  # type: ignore[arg-type]
    return sign_upload_links(made, records=stand.records, objects=stand.objects, clock=clock)


def refusal(stand: Stand, upload_id: str, **command: object) -> str:
    with pytest.raises(Refused) as caught:
        sign(stand, upload_id, **command)
    return caught.value.code


def test_only_what_is_missing_is_signed(stand: Stand) -> None:
    opened = stand.open(
        declared(b"one"),
        declared(b"two", role="attachment"),
        declared(b"", role="attachment", size_bytes=MULTIPART_FROM),
    )
    assert opened.links[0].put
    stand.send(opened.links[0].put, b"one")
    stand.send(opened.links[2].parts[0].request, b"x")
    first, second, third = sign(stand, opened.upload.upload_id).links
    assert (first.put, first.parts) == (None, ())
    assert second.put is not None
    assert [part.no for part in third.parts] == list(range(2, 9))
    stand.send(second.put, b"two")


def test_named_parts_are_signed_again_even_if_they_arrived(stand: Stand) -> None:
    opened = stand.open(declared(b"", size_bytes=MULTIPART_FROM))
    stand.send(opened.links[0].parts[0].request, b"torn")
    again = sign(stand, opened.upload.upload_id, file_ids=(opened.files[0].file_id,), part_numbers=(1, 3))
    assert [part.no for part in again.links[0].parts] == [1, 3]


def test_a_file_that_arrived_damaged_gets_a_new_place(stand: Stand) -> None:
    opened = stand.open(declared(b"one"))
    upload_id = opened.upload.upload_id
    stand.objects.put(opened.files[0].object_key, b"two", media_type="text/plain")
    with pytest.raises(Retryable) as caught:
        stand.finish(upload_id)
    assert caught.value.code == "CHECKSUM_MISMATCH"
    link = sign(stand, upload_id).links[0].put
    assert link is not None
    stand.send(link, b"one")
    assert stand.finish(upload_id).upload.status == "completed"
    assert stand.records.uploads.files(upload_id)[0].object_key.endswith("/2")


def test_a_session_that_is_over_signs_nothing(stand: Stand) -> None:
    upload_id = stand.open(declared(b"one")).upload.upload_id
    assert refusal(stand, ids.new("upl")) == "UPLOAD_SESSION_NOT_FOUND"
    assert refusal(stand, upload_id, file_ids=(ids.new("fil"),)) == "UPLOAD_FILE_NOT_FOUND"
    stand.records.session.execute("update upload_sessions set expires_at = now()")
    assert refusal(stand, upload_id) == "UPLOAD_SESSION_EXPIRED"
    abort_upload(AbortUpload(upload_id=upload_id), records=stand.records, objects=stand.objects, clock=clock)
    assert refusal(stand, upload_id) == "UPLOAD_SESSION_STATE_CONFLICT"
