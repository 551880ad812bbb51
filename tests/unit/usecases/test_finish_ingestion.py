"""FinishIngestion: nothing is called indexed before all of it is there."""

from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent, Refused
from shared.usecases.finish_ingestion import FinishedIngestion, FinishIngestion, finish_ingestion
from shared.usecases.index_chunks import IndexChunks, index_chunks
from tests.ingest import Stand, make_stand
from tests.records import clock


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


def indexed(stand: Stand) -> dict[str, str]:
    document = stand.uploaded()
    stand.inspected(document)
    plan = stand.chunked(document)
    ids = {"document_id": document.document_id, "parse_run_id": plan.parse_run_id}
    index_chunks(
        IndexChunks(**ids, round=0),
        records=stand.records,
        index=stand.index,
        embedder=stand.embedder,
        time_left=lambda: 900.0,
    )
    return ids


def finish(stand: Stand, ids: dict[str, str]) -> FinishedIngestion:
    return finish_ingestion(
        FinishIngestion(**ids), records=stand.records, index=stand.index, embedder=stand.embedder, clock=clock
    )


def test_document_pointer_job_and_run_end_together(stand: Stand) -> None:
    ids = indexed(stand)
    done = finish(stand, ids)
    document = stand.records.documents.get(ids["document_id"])
    assert (document.status, document.parse_run_id, document.page_count) == ("indexed", ids["parse_run_id"], 1)
    assert done == FinishedIngestion(pages=1, chunks=stand.records.chunks.count(ids["parse_run_id"]))
    job = stand.job(document)
    assert (job.status, job.stage, job.progress_done) == ("succeeded", "index", 100)
    run = stand.records.jobs.newest_run(job.job_id)
    assert run.status == "succeeded"
    events = [event["event_type"] for event in stand.records.jobs.events(run.run_id, after=0, limit=50)]
    assert events[-2:] == ["run.succeeded", "run.closed"]
    assert stand.records.parse_runs.get(ids["parse_run_id"]).status == "succeeded"
    published = stand.records.session.rows("select event_type from outbox_events order by event_id")
    assert "document.indexed" in {row["event_type"] for row in published}
    stand.records.chunks.get(stand.records.chunks.of_run(ids["parse_run_id"])[0].chunk_id)


def test_repeating_changes_nothing(stand: Stand) -> None:
    ids = indexed(stand)
    first = finish(stand, ids)
    before = stand.records.documents.get(ids["document_id"])
    assert finish(stand, ids) == first
    assert stand.records.documents.get(ids["document_id"]) == before


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("update parse_runs set pages_done = 0", "DOC_PAGES_INCOMPLETE"),
        ("update parse_runs set chunk_count = chunk_count + 1", "CHUNKS_INCOMPLETE"),
        ("update index_writes set status = 'failed'", "CHUNKS_INCOMPLETE"),
    ],
)
def test_a_missing_part_fails_with_its_numbers(stand: Stand, fault: str, code: str) -> None:
    ids = indexed(stand)
    stand.records.session.execute(fault)
    with pytest.raises(Permanent) as caught:
        finish(stand, ids)
    assert caught.value.code == code and caught.value.details
    document = stand.records.documents.get(ids["document_id"])
    assert (document.status, document.parse_run_id) == ("indexing", None)
    assert stand.job(document).status == "running"


def test_an_index_that_lost_the_document_is_no_success(stand: Stand) -> None:
    ids = indexed(stand)
    stand.index.remove_document(ids["document_id"])
    with pytest.raises(Permanent) as caught:
        finish(stand, ids)
    assert caught.value.details["found"] == 0


def test_a_job_that_was_canceled_leaves_the_document_as_it_was(stand: Stand) -> None:
    ids = indexed(stand)
    stand.records.moves.job(stand.job(stand.records.documents.get(ids["document_id"])), "canceled")
    with pytest.raises(Refused):
        finish(stand, ids)
    assert stand.records.documents.get(ids["document_id"]).status == "indexing"


def test_coverage_names_every_document_of_the_scope(stand: Stand) -> None:
    ids = indexed(stand)
    tender = stand.uploaded(tender=True)
    finish(stand, ids)
    covered = stand.records.documents.coverage(stand.project_id, supplier_id=stand.supplier_id, tender=True)
    by_id = {one.document_id: one for one in covered}
    assert by_id.keys() == {ids["document_id"], tender.document_id}
    assert (by_id[ids["document_id"]].status, by_id[ids["document_id"]].pages) == ("indexed", 1)
    assert by_id[ids["document_id"]].chunks > 0
    assert (by_id[tender.document_id].status, by_id[tender.document_id].pages) == ("parsing", None)
    only = stand.records.documents.coverage(stand.project_id, supplier_id=stand.supplier_id, tender=False)
    assert [one.document_id for one in only] == [ids["document_id"]]
    typed = stand.records.documents.coverage(
        stand.project_id, supplier_id=stand.supplier_id, tender=True, doc_types=["tender"]
    )
    assert [one.document_id for one in typed] == [tender.document_id]
    listed = stand.records.documents.list(filters={"status": "indexed"}, before=None, limit=10)
    assert [document.document_id for document in listed] == [ids["document_id"]]
    assert len(stand.records.documents.by_project(stand.project_id, supplier_id=stand.supplier_id)) == 2
