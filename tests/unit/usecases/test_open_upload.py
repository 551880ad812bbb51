"""Opening an upload session on a real database and folder."""

from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent, Refused, Retryable
from shared.domain.upload_rules import MULTIPART_FROM, OPEN_SESSIONS, PART_SIZE
from shared.usecases.open_upload import OpenUpload, open_upload
from tests.ingest import Stand, declared, make_stand
from tests.records import clock, ids


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


def refusal(stand: Stand, **changed: object) -> str:
    values: dict[str, object] = {"project_id": stand.project_id, "supplier_id": stand.supplier_id}
    values["files"] = (declared(b"x"),)
    command = OpenUpload(**values | changed)  # type: ignore[arg-type]
    with pytest.raises((Refused, Permanent, Retryable)) as caught:
        open_upload(command, records=stand.records, objects=stand.objects, ids=ids, clock=clock)
    return caught.value.code


def test_a_session_has_one_link_per_file_under_keys_of_ids(stand: Stand) -> None:
    opened = stand.open(declared(b"a", filename="标书.txt"), declared(b"b", role="attachment", doc_type="attachment"))
    saved = stand.records.uploads.get(opened.upload.upload_id)
    assert (saved.status, saved.file_count, saved.bundle_hash) == ("open", 2, opened.upload.bundle_hash)
    files = stand.records.uploads.files(opened.upload.upload_id)
    assert [file.filename for file in files] == ["标书.txt", "bid.txt"]
    assert [link.file_id for link in opened.links] == [file.file_id for file in files]
    tenant = stand.records.actor.tenant_id
    assert files[0].object_key == f"tenants/{tenant}/uploads/{opened.upload.upload_id}/{files[0].file_id}/1"
    assert (opened.links_expire_at - clock.now()).total_seconds() <= 900


def test_a_large_file_comes_in_parts(stand: Stand) -> None:
    links = stand.open(declared(b"", size_bytes=MULTIPART_FROM + 1)).links[0]
    assert (links.mode, links.put, links.part_size) == ("multipart", None, PART_SIZE)
    assert [part.no for part in links.parts] == list(range(1, 10))


def test_equal_names_are_allowed(stand: Stand) -> None:
    assert len(stand.open(declared(b"a"), declared(b"b", role="attachment")).files) == 2


def test_what_cannot_be_read_is_refused_before_anything_is_stored(stand: Stand) -> None:
    assert refusal(stand, files=(declared(b"x", filename="a.xlsx"),)) == "INPUT_UNSUPPORTED_FORMAT"
    assert refusal(stand, files=(declared(b"x", filename="../a.pdf"),)) == "INPUT_FILENAME_UNSAFE"
    assert refusal(stand, files=(declared(b""),)) == "INPUT_EMPTY_FILE"
    assert refusal(stand, files=(declared(b"x", role="attachment"),)) == "INPUT_PRIMARY_REQUIRED"
    assert refusal(stand, supplier_id=ids.new("sup")) == "SUPPLIER_NOT_FOUND"
    assert refusal(stand, project_id=ids.new("prj")) == "PROJECT_NOT_FOUND"
    assert stand.records.session.rows("select from upload_sessions") == []


@pytest.mark.parametrize("status", ["closed", "archived"])
def test_a_closed_project_takes_no_files(stand: Stand, status: str) -> None:
    stand.records.session.execute("update projects set status = %(status)s", status=status)
    assert refusal(stand) == "PROJECT_CLOSED"


def test_the_65th_open_session_is_refused(stand: Stand) -> None:
    stand.records.session.execute(
        """insert into upload_sessions (upload_id, project_id, status, file_count, expires_at)
           select 'upl_' || n, %(project)s, case when n <= 64 then 'open' else 'aborted' end, 1, now() + interval '1 h'
             from generate_series(1, 70) n""",
        project=stand.project_id,
    )
    assert OPEN_SESSIONS == 64
    assert refusal(stand) == "UPLOAD_SESSIONS_LIMIT_EXCEEDED"
    stand.records.session.execute("update upload_sessions set expires_at = now() where upload_id = 'upl_7'")
    stand.open(declared(b"x"))


def test_opening_is_audited(stand: Stand) -> None:
    opened = stand.open(declared(b"x"))
    found = stand.records.session.rows(
        "select action from audit_log where resource_id = %(id)s", id=opened.upload.upload_id
    )
    assert found == [{"action": "upload.opened"}]
