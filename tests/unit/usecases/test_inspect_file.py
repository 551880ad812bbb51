"""InspectFile with the real inspector on stored files."""

from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.adapters.file_inspection import FileInspection
from shared.domain.errors import CodedError, Permanent, Retryable
from shared.usecases.inspect_file import InspectedFile, InspectFile, inspect_file
from tests.ingest import Stand, declared, make_stand
from tests.records import clock


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


def inspect(stand: Stand, document_id: str) -> InspectedFile:
    command = InspectFile(document_id=document_id)
    return inspect_file(command, records=stand.records, objects=stand.objects, inspector=FileInspection(), clock=clock)


def stored(stand: Stand, body: bytes, **changed: object) -> str:
    opened = stand.open(declared(body, **changed))  # type: ignore[arg-type]
    assert opened.links[0].put
    stand.send(opened.links[0].put, body)
    found = stand.finish(opened.upload.upload_id).items[0].document_id
    assert found is not None
    return found


def test_a_readable_file_is_verified(stand: Stand) -> None:
    document = stand.uploaded()
    assert inspect(stand, document.document_id).media_type == "text/plain"
    assert stand.records.uploads.blob(document.sha256).verified
    assert inspect(stand, document.document_id).media_type == "text/plain"
    assert stand.job(document).progress_done == 5


def test_bytes_that_changed_in_the_store_are_refused(stand: Stand, tmp_path: Path) -> None:
    document = stand.uploaded()
    path = next((tmp_path / "data").rglob(document.sha256))
    path.write_bytes(path.read_bytes().replace(b"60", b"90"))
    with pytest.raises(Retryable) as caught:
        inspect(stand, document.document_id)
    assert caught.value.code == "CHECKSUM_MISMATCH"
    assert not stand.records.uploads.blob(document.sha256).verified


def test_bytes_that_are_gone_are_missing(stand: Stand) -> None:
    document = stand.uploaded()
    stand.objects.remove(stand.records.uploads.blob(document.sha256).object_key)
    with pytest.raises(Permanent) as caught:
        inspect(stand, document.document_id)
    assert caught.value.code == "DOC_STORAGE_MISSING"


@pytest.mark.parametrize(
    ("body", "filename", "media_type", "code"),
    [
        (b"plain words", "a.pdf", "application/pdf", "INPUT_TYPE_MISMATCH"),
        (b"%PDF-1.7 torn", "a.pdf", "application/pdf", "DOC_PARSE_PDF_CORRUPT"),
        (b"\x89PNG\r\n\x1a\n....", "a.txt", "text/plain", "INPUT_TYPE_MISMATCH"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(
    stand: Stand, body: bytes, filename: str, media_type: str, code: str
) -> None:
    document_id = stored(stand, body, filename=filename, media_type=media_type)
    with pytest.raises(CodedError) as caught:
        inspect(stand, document_id)
    assert caught.value.code == code
