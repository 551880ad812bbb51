"""ReparseDocument: an indexed document stays what it is until a newer run is whole; a failed one begins anew (P78)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.blocks import ParsedRange
from shared.domain.documents import Document
from shared.domain.errors import Permanent, Refused
from shared.usecases.cancel_job import CancelJob, cancel_job
from shared.usecases.chunk_document import ChunkDocument, chunk_document
from shared.usecases.claim_job import ClaimJob, claim_job
from shared.usecases.finish_ingestion import FinishIngestion, finish_ingestion
from shared.usecases.index_chunks import IndexChunks, index_chunks
from shared.usecases.record_failure import RecordFailure, record_failure
from shared.usecases.reparse_document import ReparsedDocument, ReparseDocument, reparse_document
from shared.usecases.requeue_dead_letter import RequeueDeadLetter, requeue_dead_letter
from tests.ingest import CountingParser, Stand, make_stand
from tests.records import clock, ids

OLD, NEW = "60 calendar days", "61 calendar days"


class NewerParser(CountingParser):
    """A later version, which reads another number where the old one read sixty."""

    version = "2.0"

    def parse(self, path: Path, media_type: str, first: int, last: int) -> ParsedRange:
        found = super().parse(path, media_type, first, last)
        return replace(found, blocks=tuple(replace(b, text=b.text.replace(OLD, NEW)) for b in found.blocks))


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


def ask(stand: Stand, document: Document) -> ReparsedDocument:
    command = ReparseDocument(document_id=document.document_id, reason="the reader is newer")
    return reparse_document(command, records=stand.records, ids=ids, clock=clock)


def claim(stand: Stand, asked: ReparsedDocument) -> None:
    assert claim_job(ClaimJob(job_id=asked.job.job_id, run_id=asked.run_id), records=stand.records).claimed


def put_into_index(stand: Stand, document: Document, run_id: str) -> None:
    index_chunks(
        IndexChunks(document_id=document.document_id, parse_run_id=run_id, round=0),
        records=stand.records,
        index=stand.index,
        embedder=stand.embedder,
        time_left=lambda: 900.0,
    )


def end(stand: Stand, document: Document, run_id: str) -> None:
    command = FinishIngestion(document_id=document.document_id, parse_run_id=run_id)
    finish_ingestion(command, records=stand.records, index=stand.index, embedder=stand.embedder, clock=clock)


def finish(stand: Stand, document: Document, run_id: str) -> Document:
    end(stand, document, run_id)
    return stand.records.documents.get(document.document_id)


def read(stand: Stand, document: Document) -> str:
    """All steps but the last; the parse run."""
    stand.inspected(document)
    run_id = stand.chunked(document).parse_run_id
    put_into_index(stand, document, run_id)
    return run_id


@pytest.fixture
def indexed(stand: Stand) -> Document:
    document = stand.uploaded()
    return finish(stand, document, read(stand, document))


def shown(stand: Stand, document: Document) -> str:
    """What a search can show: the texts of the entries in the index, as far as they are of the current run."""
    entry_ids = stand.index.entries(document.document_id)
    return "\n".join(chunk.text for chunk in stand.records.chunks.texts(sorted(entry_ids)))


def test_the_same_reader_makes_a_second_run_with_the_same_chunks(stand: Stand, indexed: Document) -> None:
    asked = ask(stand, indexed)
    assert (asked.document.status, asked.job.payload["replaces"]) == ("indexed", indexed.parse_run_id)
    claim(stand, asked)
    run_id = read(stand, indexed)
    again = finish(stand, indexed, run_id)
    assert run_id != indexed.parse_run_id
    assert (again.status, again.parse_run_id) == ("indexed", run_id)
    before, after = (stand.records.chunks.of_run(run) for run in (indexed.parse_run_id or "", run_id))
    assert [replace(chunk, parse_run_id="") for chunk in before] == [replace(chunk, parse_run_id="") for chunk in after]
    assert stand.index.count(indexed.document_id) == len(after)
    job = stand.records.jobs.get(asked.job.job_id)
    assert (job.status, job.progress_done, stand.records.jobs.run(asked.run_id).status) == (
        "succeeded",
        100,
        "succeeded",
    )
    sent = "select payload->>'status' as s from outbox_events where event_type = 'document.indexed'"
    assert [row["s"] for row in stand.records.session.rows(sent)] == ["indexed", "indexed"]


def test_until_the_end_the_old_text_is_shown_and_afterwards_the_new_one_alone(stand: Stand, indexed: Document) -> None:
    stand.records.session.execute("update documents set page_count = 7")  # as the old reader may have counted
    asked = ask(stand, indexed)
    claim(stand, asked)
    stand.parser = NewerParser()
    run_id = read(stand, indexed)
    between = stand.records.documents.get(indexed.document_id)
    assert (between.status, between.parse_run_id, between.page_count) == ("indexed", indexed.parse_run_id, 7)
    assert OLD in shown(stand, indexed) and NEW not in shown(stand, indexed)
    facts = stand.records.facts.of_project(stand.project_id)
    assert {fact.parse_run_id for fact in facts} == {indexed.parse_run_id}
    stand.records.session.fence(asked.job.job_id, asked.run_id)  # as a step has it: its job ends with this commit
    end(stand, indexed, run_id)
    stand.records.session.fence(None)
    after = stand.records.documents.get(indexed.document_id)
    assert (after.parse_run_id, after.page_count) == (run_id, 1)
    assert NEW in shown(stand, indexed) and OLD not in shown(stand, indexed)
    assert {fact.parse_run_id for fact in stand.records.facts.of_project(stand.project_id)} == {run_id}
    kept = set(stand.index.entries(indexed.document_id))
    assert kept == {chunk.chunk_id for chunk in stand.records.chunks.of_run(run_id)}
    cited = next(c for c in stand.records.chunks.of_run(indexed.parse_run_id or "") if OLD in c.text)
    assert stand.records.chunks.get(cited.chunk_id, parse_run_id=indexed.parse_run_id) == cited, "citations stay"


def test_a_reading_that_fails_changes_nothing_but_its_job_and_can_be_requeued(stand: Stand, indexed: Document) -> None:
    asked = ask(stand, indexed)
    claim(stand, asked)
    stand.parser = NewerParser()
    run_id = read(stand, indexed)
    stand.index.remove(indexed.document_id, list(stand.index.entries(indexed.document_id)))
    with pytest.raises(Permanent) as raised:
        finish(stand, indexed, run_id)
    assert raised.value.code == "CHUNKS_INCOMPLETE"
    failure = RecordFailure(job_id=asked.job.job_id, run_id=asked.run_id, error="States.Timeout", cause="")
    dlq_id = record_failure(failure, records=stand.records, clock=clock, ids=ids).dlq_id
    document = stand.records.documents.get(indexed.document_id)
    assert (document.status, document.parse_run_id, document.error_code) == ("indexed", indexed.parse_run_id, None)
    command = RequeueDeadLetter(dlq_id=dlq_id or "", reason="once more")
    again = requeue_dead_letter(command, records=stand.records, ids=ids, clock=clock)
    assert claim_job(ClaimJob(job_id=again.job.job_id, run_id=again.run_id), records=stand.records).claimed
    assert read(stand, indexed) == run_id, "finished ranges are kept"
    assert finish(stand, indexed, run_id).parse_run_id == run_id
    assert NEW in shown(stand, indexed)


def test_a_requeue_beside_a_newer_reading_is_a_conflict(stand: Stand, indexed: Document) -> None:
    asked = ask(stand, indexed)
    claim(stand, asked)
    failure = RecordFailure(job_id=asked.job.job_id, run_id=asked.run_id, error="States.Timeout", cause="")
    dlq_id = record_failure(failure, records=stand.records, clock=clock, ids=ids).dlq_id or ""
    newer = ask(stand, indexed)
    with pytest.raises(Refused) as raised:
        command = RequeueDeadLetter(dlq_id=dlq_id, reason="once more")
        requeue_dead_letter(command, records=stand.records, ids=ids, clock=clock)
    assert raised.value.code == "DLQ_REQUEUE_CONFLICT"
    assert stand.job(indexed).job_id == newer.job.job_id, "no job was left"


def test_a_canceled_reading_leaves_the_document_as_it_was(stand: Stand, indexed: Document) -> None:
    asked = ask(stand, indexed)
    claim(stand, asked)
    stand.parser = NewerParser()
    stand.inspected(indexed)
    stand.chunked(indexed)
    cancel_job(CancelJob(job_id=asked.job.job_id, reason="not wanted"), records=stand.records)
    document = stand.records.documents.get(indexed.document_id)
    assert (document.status, document.parse_run_id, document.error_code) == ("indexed", indexed.parse_run_id, None)
    assert OLD in shown(stand, indexed)


def test_a_failed_document_is_queued_and_its_dead_letter_resolved(stand: Stand) -> None:
    document = stand.uploaded()
    job = stand.job(document)
    failure = RecordFailure(job_id=job.job_id, run_id=job.claim_token or "", error="States.Timeout", cause="")
    dlq_id = record_failure(failure, records=stand.records, clock=clock, ids=ids).dlq_id
    assert stand.records.documents.get(document.document_id).status == "parse_failed"
    asked = ask(stand, document)
    assert (asked.document.status, asked.document.error_code) == ("parse_queued", None)
    item = stand.records.dead_letters.get(dlq_id or "")
    assert (item.status, item.new_job_id, asked.job.requeue_of) == ("requeued", asked.job.job_id, job.job_id)
    claim(stand, asked)
    assert finish(stand, document, read(stand, document)).status == "indexed"


def test_of_many_who_ask_at_once_one_gets_the_job(stand: Stand, indexed: Document) -> None:
    def one(_: int) -> str:
        command = ReparseDocument(document_id=indexed.document_id, reason="at once")
        try:
            return reparse_document(command, records=stand.again(), ids=ids, clock=clock).job.job_id
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(one, range(8)))
    assert sorted(answers)[:7] == ["WF_STATE_TRANSITION_INVALID"] * 7
    assert stand.job(indexed).job_id in answers


@pytest.mark.parametrize("status", ["parse_queued", "parsing", "parsed", "indexing", "quarantined"])
def test_a_document_that_is_under_way_is_refused(stand: Stand, status: str) -> None:
    document = stand.uploaded()
    cancel_job(CancelJob(job_id=stand.job(document).job_id, reason="x"), records=stand.records)
    stand.records.session.execute(
        "update documents set status = %(status)s where document_id = %(id)s", status=status, id=document.document_id
    )
    with pytest.raises(Refused) as raised:
        ask(stand, document)
    assert (raised.value.code, raised.value.details["status"]) == ("WF_STATE_TRANSITION_INVALID", status)


def test_an_unpacked_archive_is_refused_because_its_files_are_documents(stand: Stand, indexed: Document) -> None:
    stand.records.session.execute(
        "update documents set media_type = 'application/zip' where document_id = %(id)s", id=indexed.document_id
    )
    with pytest.raises(Refused) as raised:
        ask(stand, indexed)
    assert raised.value.code == "WF_STATE_TRANSITION_INVALID"


def test_a_repeated_step_of_a_second_reading_changes_nothing(stand: Stand, indexed: Document) -> None:
    claim(stand, ask(stand, indexed))
    run_id = read(stand, indexed)
    chunk_document(ChunkDocument(document_id=indexed.document_id, parse_run_id=run_id), records=stand.records)
    put_into_index(stand, indexed, run_id)
    first = finish(stand, indexed, run_id)
    assert finish(stand, indexed, run_id) == first
