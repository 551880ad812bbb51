"""Looking at an upload session."""

from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.domain.upload_rules import MULTIPART_FROM
from shared.usecases.check_upload import CheckUpload, check_upload
from tests.ingest import Stand, declared, make_stand
from tests.records import ids


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


def states(stand: Stand, upload_id: str) -> list[str]:
    checked = check_upload(CheckUpload(upload_id=upload_id), records=stand.records, objects=stand.objects)
    return [one.state for one in checked.files]


def test_each_file_says_what_has_arrived(stand: Stand) -> None:
    opened = stand.open(
        declared(b"one"),
        declared(b"two", role="attachment"),
        declared(b"", role="attachment", size_bytes=MULTIPART_FROM),
    )
    upload_id = opened.upload.upload_id
    assert states(stand, upload_id) == ["missing"] * 3
    assert opened.links[0].put
    stand.send(opened.links[0].put, b"one")
    stand.send(opened.links[2].parts[4].request, b"part five")
    checked = check_upload(CheckUpload(upload_id=upload_id), records=stand.records, objects=stand.objects)
    assert [one.state for one in checked.files] == ["stored", "missing", "partial"]
    assert [(part.number, part.size_bytes) for part in checked.files[2].parts] == [(5, 9)]
    stand.finish(upload_id)
    assert states(stand, upload_id)[0] == "registered"


def test_other_bytes_than_announced_are_a_mismatch(stand: Stand) -> None:
    opened = stand.open(declared(b"one"))
    stand.objects.put(opened.files[0].object_key, b"two", media_type="text/plain")
    assert states(stand, opened.upload.upload_id) == ["mismatch"]


def test_an_unknown_session_is_not_found(stand: Stand) -> None:
    with pytest.raises(Refused) as caught:
        states(stand, ids.new("upl"))
    assert caught.value.code == "UPLOAD_SESSION_NOT_FOUND"
