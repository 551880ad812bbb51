"""Completing an upload: documents and jobs, once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused, Retryable
from shared.domain.upload_rules import MULTIPART_FROM, SentPart
from shared.usecases.finish_upload import FinishedUpload, FinishUpload, SentFile, finish_upload
from tests.ingest import Stand, declared, make_stand
from tests.records import clock, ids


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


def sent(stand: Stand, *bodies: bytes) -> str:
    """Open a session for the bodies and send them all."""
    files = [declared(body, role="attachment" if place else "primary") for place, body in enumerate(bodies)]
    opened = stand.open(*files)
    for links, body in zip(opened.links, bodies, strict=True):
        assert links.put
        stand.send(links.put, body)
    return opened.upload.upload_id


def refusal(stand: Stand, upload_id: str, **command: object) -> str:
    with pytest.raises((Refused, Retryable)) as caught:
        stand.finish(upload_id, **command)
    return caught.value.code


def test_each_file_becomes_a_queued_document_with_a_job(stand: Stand) -> None:
    done = stand.finish(sent(stand, b"one", b"two"))
    assert done.upload.status == "completed" and done.upload.completed_at is not None
    for item, body in zip(done.items, (b"one", b"two"), strict=True):
        assert item.document_id and item.job_id and item.run_id
        document = stand.records.documents.get(item.document_id)
        assert (document.status, document.sha256) == ("parse_queued", declared(body).sha256)
        job = stand.records.jobs.get(item.job_id)
        assert (job.status, job.job_type, job.resource_id) == ("queued", "ingest_document", item.document_id)
        assert job.deadline_at is not None and 4.9 < (job.deadline_at - clock.now()).total_seconds() / 3600 <= 5
        assert stand.records.jobs.run(item.run_id).execution_name == f"{item.job_id}-1"


def test_the_supplier_takes_part_from_its_first_file_on(stand: Stand) -> None:
    first = stand.finish(sent(stand, b"one"))
    second = stand.finish(sent(stand, b"two"))
    bids = stand.records.bids.by_project(stand.project_id)
    assert [(bid.supplier_id, bid.status) for bid in bids] == [(stand.supplier_id, "submitted")]
    for done in (first, second):
        assert done.items[0].document_id
        assert stand.records.documents.get(done.items[0].document_id).bid_id == bids[0].bid_id


def test_tender_documents_belong_to_no_bid(stand: Stand) -> None:
    document = stand.uploaded(tender=True)
    assert (document.supplier_id, document.bid_id, document.doc_type) == (None, None, "tender")
    assert stand.records.bids.by_project(stand.project_id) == []


def test_repeating_gives_the_same_documents(stand: Stand) -> None:
    upload_id = sent(stand, b"one", b"two")
    assert stand.finish(upload_id).items == stand.finish(upload_id).items


def test_ten_parallel_calls_give_the_same_documents(stand: Stand) -> None:
    upload_id = sent(stand, b"one", b"two")

    def finish(_: int) -> FinishedUpload:
        command = FinishUpload(upload_id=upload_id)
        return finish_upload(command, records=stand.again(), objects=stand.objects, ids=ids, clock=clock)

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(finish, range(10)))
    assert len({result.items for result in results}) == 1
    assert len(stand.records.session.rows("select from documents")) == 2
    assert len(stand.records.session.rows("select from jobs")) == 2


def test_the_same_bytes_for_another_bidder_are_another_document_on_one_blob(stand: Stand) -> None:
    first = stand.finish(sent(stand, b"one")).items[0].document_id
    second = stand.finish(sent(stand, b"one")).items[0].document_id
    assert first != second
    assert len(stand.records.session.rows("select from content_blobs")) == 1


def test_what_has_not_arrived_keeps_the_session_open(stand: Stand) -> None:
    opened = stand.open(declared(b"one"), declared(b"two", role="attachment"))
    upload_id = opened.upload.upload_id
    assert refusal(stand, upload_id) == "UPLOAD_INCOMPLETE"
    assert opened.links[0].put and opened.links[1].put
    stand.send(opened.links[0].put, b"one")
    done = stand.finish(upload_id)
    assert done.upload.status == "open"
    assert [(item.code, item.retryable) for item in done.items] == [(None, False), ("UPLOAD_INCOMPLETE", True)]
    stand.send(opened.links[1].put, b"two")
    again = stand.finish(upload_id)
    assert again.upload.status == "completed"
    assert again.items[0] == done.items[0] and again.items[1].document_id


def test_other_bytes_than_announced_make_no_document(stand: Stand) -> None:
    opened = stand.open(declared(b"one"))
    stand.objects.put(opened.files[0].object_key, b"two", media_type="text/plain")
    assert refusal(stand, opened.upload.upload_id) == "CHECKSUM_MISMATCH"
    assert stand.records.session.rows("select from documents") == []


def test_parts_are_joined_and_compared(stand: Stand) -> None:
    body = b"p" * MULTIPART_FROM
    opened = stand.open(declared(body))
    upload_id, file_id = opened.upload.upload_id, opened.files[0].file_id
    size = 8 << 20
    etags = [stand.send(part.request, body[(part.no - 1) * size : part.no * size]) for part in opened.links[0].parts]
    named = tuple(SentPart(no=no, etag=f'"{etag}"') for no, etag in enumerate(etags, start=1))
    wrong = SentFile(file_id=file_id, parts=named[:-1])
    assert refusal(stand, upload_id, files=(wrong,)) == "UPLOAD_PARTS_INVALID"
    done = stand.finish(upload_id, files=(SentFile(file_id=file_id, parts=named),))
    assert done.upload.status == "completed"
    assert stand.objects.head(opened.files[0].object_key).sha256 == opened.files[0].sha256


def test_a_session_that_is_over_takes_nothing(stand: Stand) -> None:
    upload_id = sent(stand, b"one")
    assert refusal(stand, ids.new("upl")) == "UPLOAD_SESSION_NOT_FOUND"
    assert refusal(stand, upload_id, files=(SentFile(file_id=ids.new("fil")),)) == "UPLOAD_FILE_NOT_FOUND"
    stand.records.session.execute("update upload_sessions set expires_at = now()")
    assert refusal(stand, upload_id) == "UPLOAD_SESSION_EXPIRED"
    stand.records.session.execute("update upload_sessions set status = 'aborted'")
    assert refusal(stand, upload_id) == "UPLOAD_SESSION_STATE_CONFLICT"


def test_a_project_that_closed_meanwhile_takes_nothing(stand: Stand) -> None:
    upload_id = sent(stand, b"one")
    stand.records.session.execute("update projects set status = 'closed'")
    assert refusal(stand, upload_id) == "PROJECT_CLOSED"
    assert stand.records.session.rows("select from documents") == []


def test_another_tenant_does_not_see_the_session(stand: Stand, databases: Databases, tmp_path: Path) -> None:
    upload_id = sent(stand, b"one")
    other = make_stand(databases, tmp_path / "other")
    assert refusal(other, upload_id) == "UPLOAD_SESSION_NOT_FOUND"
