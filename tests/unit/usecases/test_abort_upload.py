"""Aborting an upload session."""

from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent, Refused
from shared.domain.upload_rules import MULTIPART_FROM
from shared.usecases.abort_upload import AbortUpload, abort_upload
from tests.ingest import Stand, declared, make_stand
from tests.records import clock


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


def abort(stand: Stand, upload_id: str) -> str:
    return abort_upload(
        AbortUpload(upload_id=upload_id), records=stand.records, objects=stand.objects, clock=clock
    ).status


def test_objects_and_parts_are_removed(stand: Stand) -> None:
    opened = stand.open(declared(b"one"), declared(b"", role="attachment", size_bytes=MULTIPART_FROM))
    assert opened.links[0].put
    stand.send(opened.links[0].put, b"one")
    stand.send(opened.links[1].parts[0].request, b"x")
    assert abort(stand, opened.upload.upload_id) == "aborted"
    with pytest.raises(Permanent):
        stand.objects.head(opened.files[0].object_key)
    large = opened.files[1]
    assert large.multipart_id and stand.objects.parts(large.object_key, large.multipart_id) == []
    assert abort(stand, opened.upload.upload_id) == "aborted"


def test_a_completed_session_keeps_its_documents(stand: Stand) -> None:
    document = stand.uploaded()
    with pytest.raises(Refused) as caught:
        abort(stand, document.upload_id)
    assert caught.value.code == "UPLOAD_SESSION_STATE_CONFLICT"
    assert stand.objects.head(stand.records.uploads.blob(document.sha256).object_key)


def test_what_became_a_document_survives_the_abort_of_the_rest(stand: Stand) -> None:
    opened = stand.open(declared(b"one"), declared(b"two", role="attachment"))
    assert opened.links[0].put
    stand.send(opened.links[0].put, b"one")
    stand.finish(opened.upload.upload_id)
    abort(stand, opened.upload.upload_id)
    assert stand.objects.read(opened.files[0].object_key) == b"one"
