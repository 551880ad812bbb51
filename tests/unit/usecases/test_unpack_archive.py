"""UnpackArchive: each file of an archive is registered once, or named with the code that keeps it out."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.adapters.file_inspection import FileInspection
from shared.adapters.parser_process import ProcessArchives
from shared.domain.documents import Document
from shared.domain.errors import Permanent, Refused, Retryable
from shared.domain.file_types import TEXT, ZIP
from shared.ports.document_records import DocumentCoverage
from shared.usecases.claim_job import ClaimJob, claim_job
from shared.usecases.finish_ingestion import FinishedIngestion, FinishIngestion, finish_ingestion
from shared.usecases.inspect_file import InspectedFile, InspectFile, inspect_file
from shared.usecases.unpack_archive import UnpackArchive, UnpackedArchive, unpack_archive
from tests.archives import zip_bytes
from tests.ingest import BID, Stand, declared, make_stand
from tests.records import clock, ids

FILES = {"offer/bid.txt": BID.encode(), "offer/plan.dwg": b"AC1032\x00\x01", "terms.txt": b"Warranty: 24 months.\n"}


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


@pytest.fixture(scope="module")
def archives() -> Iterator[ProcessArchives]:
    made = ProcessArchives(size=2)
    yield made
    made.close()


def archive(stand: Stand, path: Path, files: Mapping[str, bytes] = FILES) -> Document:
    """An uploaded archive that was inspected: its state is parsing."""
    body = zip_bytes(path, files)
    opened = stand.open(declared(body, filename="bid.zip", media_type="application/zip"))
    assert opened.links[0].put is not None
    stand.send(opened.links[0].put, body)
    item = stand.finish(opened.upload.upload_id).items[0]
    assert item.document_id and item.job_id and item.run_id
    claim_job(ClaimJob(job_id=item.job_id, run_id=item.run_id), records=stand.records)
    command = InspectFile(document_id=item.document_id)
    found = inspect_file(command, records=stand.records, objects=stand.objects, inspector=FileInspection(), clock=clock)
    assert found == InspectedFile(media_type=ZIP, page_count=None, is_archive=True)
    return stand.records.documents.get(item.document_id)


def unpack(stand: Stand, document: Document, archives: Any, **parts: Any) -> UnpackedArchive:
    given = {"records": stand.records, "objects": stand.objects, "archives": archives, "ids": ids, "clock": clock}
    return unpack_archive(UnpackArchive(document_id=document.document_id), **given | parts)


def children(stand: Stand, document: Document) -> list[Document]:
    """In the order of the archive: two ids of one millisecond have none."""
    found = stand.records.documents.list(filters={"parent_id": document.document_id}, before=None, limit=100)
    order = [entry.document_id for entry in stand.records.archives.of(document.document_id)]
    return sorted(found, key=lambda child: order.index(child.document_id))


def finish(stand: Stand, document: Document) -> FinishedIngestion:
    command = FinishIngestion(document_id=document.document_id, parse_run_id=None)
    return finish_ingestion(command, records=stand.records, index=stand.index, embedder=stand.embedder, clock=clock)


def test_files_become_documents_of_the_same_bid_with_jobs(
    stand: Stand, archives: ProcessArchives, tmp_path: Path
) -> None:
    document = archive(stand, tmp_path / "bid.zip")
    assert unpack(stand, document, archives) == UnpackedArchive(registered=2, refused=1, ignored=0)
    first, second = children(stand, document)
    assert (first.filename, second.filename) == ("bid.txt", "terms.txt")
    for child, body in ((first, FILES["offer/bid.txt"]), (second, FILES["terms.txt"])):
        assert (child.status, child.media_type, child.size_bytes) == ("parse_queued", TEXT, len(body))
        same = ("project_id", "supplier_id", "bid_id", "upload_id", "doc_type")
        assert [getattr(child, name) for name in same] == [getattr(document, name) for name in same]
        assert child.bid_id is not None
        assert stand.objects.read(stand.records.uploads.blob(child.sha256).object_key) == body
        job = stand.job(child)
        assert (job.status, job.job_type, stand.records.jobs.newest_run(job.job_id).run_no) == (
            "queued",
            "ingest_document",
            1,
        )
    rows = [
        (row.entry_no, row.name, row.outcome, row.error_code) for row in stand.records.archives.of(document.document_id)
    ]
    assert rows == [
        (0, "offer/bid.txt", "registered", None),
        (1, "offer/plan.dwg", "refused", "INPUT_UNSUPPORTED_FORMAT"),
        (2, "terms.txt", "registered", None),
    ]
    events = stand.records.session.rows("select event_type, aggregate_id from outbox_events")
    queued = {row["aggregate_id"] for row in events if row["event_type"] == "job.queued"}
    assert {stand.job(first).job_id, stand.job(second).job_id} <= queued
    assert stand.records.documents.get(document.document_id).status == "parsed"


def test_an_archive_is_indexed_when_all_its_files_are_registered(
    stand: Stand, archives: ProcessArchives, tmp_path: Path
) -> None:
    document = archive(stand, tmp_path / "bid.zip")
    with pytest.raises(Permanent) as caught:
        finish(stand, document)
    assert caught.value.code == "DOC_PAGES_INCOMPLETE"
    unpack(stand, document, archives)
    assert finish(stand, document) == finish(stand, document) == FinishedIngestion(pages=0, chunks=0)
    done = stand.records.documents.get(document.document_id)
    assert (done.status, done.parse_run_id) == ("indexed", None)
    job = stand.job(document)
    assert (job.status, job.progress_done) == ("succeeded", 100)
    assert stand.records.jobs.newest_run(job.job_id).status == "succeeded"


def test_a_document_that_is_no_archive_needs_its_parse_run(stand: Stand) -> None:
    document = stand.uploaded()
    stand.records.moves.document(document, "parsed")
    with pytest.raises(Permanent):
        finish(stand, document)
    with pytest.raises(Permanent):
        unpack(stand, document, None)


def test_a_repeat_registers_nothing_twice(stand: Stand, archives: ProcessArchives, tmp_path: Path) -> None:
    document = archive(stand, tmp_path / "bid.zip")
    first = unpack(stand, document, archives)
    before = children(stand, document)
    assert unpack(stand, document, archives) == first
    stand.records.session.execute(
        "update documents set status = 'parsing' where document_id = %(id)s", id=document.document_id
    )
    assert unpack(stand, document, archives) == first
    assert children(stand, document) == before


class Failing:
    """Objects that take no more after some puts."""

    def __init__(self, stand: Stand, puts: int) -> None:
        self._stand, self._left, self.puts = stand, puts, 0

    def as_file(self, key: str) -> AbstractContextManager[Path]:
        return self._stand.objects.as_file(key)

    def put(self, key: str, body: Any, **more: Any) -> Any:
        if self.puts == self._left:
            raise Retryable("DEPENDENCY_UNAVAILABLE")
        self.puts += 1
        return self._stand.objects.put(key, body, **more)


def test_it_goes_on_after_the_last_registered_file(stand: Stand, archives: ProcessArchives, tmp_path: Path) -> None:
    document = archive(stand, tmp_path / "bid.zip")
    with pytest.raises(Retryable):
        unpack(stand, document, archives, objects=Failing(stand, 1))
    (first,) = children(stand, document)
    assert stand.records.documents.get(document.document_id).status == "parsing"
    rest = Failing(stand, 9)
    assert unpack(stand, document, archives, objects=rest).registered == 2
    assert rest.puts == 1
    assert [child.filename for child in children(stand, document)] == ["bid.txt", "terms.txt"]
    assert children(stand, document)[0] == replace(first)


def test_two_at_once_register_each_file_once(stand: Stand, archives: ProcessArchives, tmp_path: Path) -> None:
    files = {f"{n}.txt": b"Offer %d\n" % n for n in range(12)}
    document = archive(stand, tmp_path / "bid.zip", files)
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(unpack, stand, document, archives, records=stand.again()) for _ in range(3)]
        assert {run.result() for run in runs} == {UnpackedArchive(registered=12, refused=0, ignored=0)}
    assert [child.filename for child in children(stand, document)] == list(files)
    jobs = stand.records.session.rows("select count(*) as n from jobs where job_type = 'ingest_document'")
    assert jobs == [{"n": 13}]


def test_equal_bytes_are_stored_once_and_still_are_documents_of_their_own(
    stand: Stand, archives: ProcessArchives, tmp_path: Path
) -> None:
    document = archive(stand, tmp_path / "bid.zip", {"a/x.txt": b"same\n", "b/x.txt": b"same\n", "y.txt": BID.encode()})
    stand.uploaded(BID)
    counting = Failing(stand, 9)
    assert unpack(stand, document, archives, objects=counting).registered == 3
    assert counting.puts == 1
    assert len({child.document_id for child in children(stand, document)}) == 3


def test_a_whole_refusal_registers_no_file(stand: Stand, archives: ProcessArchives, tmp_path: Path) -> None:
    inner = zip_bytes(tmp_path / "x", {"good.txt": b"fine\n", "../evil.txt": b"bad\n"})
    document = archive(stand, tmp_path / "bid.zip", {"first.txt": BID.encode(), "inner.zip": inner})
    with pytest.raises(Permanent) as caught:
        unpack(stand, document, archives)
    assert caught.value.code == "INPUT_ARCHIVE_UNSAFE"
    assert children(stand, document) == [] == stand.records.archives.of(document.document_id)


def test_a_job_that_was_canceled_meanwhile_registers_nothing(
    stand: Stand, archives: ProcessArchives, tmp_path: Path
) -> None:
    document = archive(stand, tmp_path / "bid.zip")
    job = stand.job(document)
    stand.records.session.fence(job.job_id, job.claim_token)
    stand.again().moves.job(job, "canceled")
    with pytest.raises(Refused):
        unpack(stand, document, archives)
    stand.records.session.fence(None)
    assert children(stand, document) == []


def test_a_refused_file_counts_as_a_document_that_could_not_be_read(
    stand: Stand, archives: ProcessArchives, tmp_path: Path
) -> None:
    document = archive(stand, tmp_path / "bid.zip")

    def covered(**scope: Any) -> list[DocumentCoverage]:
        given = {"supplier_id": stand.supplier_id, "tender": True, **scope}
        return stand.records.documents.coverage(stand.project_id, **given)

    assert [(one.document_id, one.status) for one in covered()] == [(document.document_id, "parsing")]
    unpack(stand, document, archives)
    finish(stand, document)
    first, second = children(stand, document)
    refused = DocumentCoverage(
        document_id=document.document_id,
        filename="bid.zip/offer/plan.dwg",
        doc_type="bid",
        supplier_id=stand.supplier_id,
        status="refused",
        parse_run_id=None,
        pages=None,
        incomplete_pages=[],  # type: ignore[arg-type]
        chunks=0,
    )
    assert covered()[0] == refused
    assert [one.document_id for one in covered()[1:]] == [first.document_id, second.document_id]
    assert refused in covered(document_ids=[second.document_id])
    other = stand.uploaded("Another bid of the same supplier.\n")
    assert [one.document_id for one in covered(document_ids=[other.document_id])] == [other.document_id]
    assert covered(doc_types=["tender"]) == []
