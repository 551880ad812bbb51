"""ChunkDocument: complete pages become chunks with positions."""

from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent, Refused
from shared.usecases.chunk_document import ChunkDocument, chunk_document
from tests.ingest import Stand, make_stand


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


LONG = "\n\n".join(
    f"{n}. Section\n\nParagraph {n} of a long bid, with words enough to fill a line." for n in range(2000)
)


def chunk(stand: Stand, document_id: str, parse_run_id: str) -> int:
    command = ChunkDocument(document_id=document_id, parse_run_id=parse_run_id)
    return chunk_document(command, records=stand.records).chunks


def test_chunks_and_positions_come_back_as_they_were_cut(stand: Stand) -> None:
    document = stand.uploaded()
    plan = stand.routed(document)
    stand.parsed(document, plan)
    count = chunk(stand, document.document_id, plan.parse_run_id)
    chunks = stand.records.chunks.of_run(plan.parse_run_id)
    assert count == len(chunks) == stand.records.parse_runs.get(plan.parse_run_id).chunk_count
    assert [one.ordinal for one in chunks] == list(range(count))
    blocks = {block.block_id: block for block in stand.records.parse_runs.blocks(plan.parse_run_id)}
    for one in chunks:
        assert one.positions and set(one.block_ids) <= blocks.keys()
        assert (one.project_id, one.supplier_id, one.doc_type) == (stand.project_id, stand.supplier_id, "bid")
        for position in one.positions:
            assert one.text[position.start : position.end].strip()
            assert position.box.x0 < position.box.x1 and position.box.y0 < position.box.y1
    assert any("60 calendar days" in one.text for one in chunks)
    saved = stand.records.documents.get(document.document_id)
    assert (saved.status, saved.language) == ("parsed", "en")


def test_repeating_changes_nothing(stand: Stand) -> None:
    document = stand.uploaded()
    plan = stand.routed(document)
    stand.parsed(document, plan)
    first = chunk(stand, document.document_id, plan.parse_run_id)
    before = stand.records.documents.get(document.document_id)
    assert chunk(stand, document.document_id, plan.parse_run_id) == first
    assert stand.records.documents.get(document.document_id) == before


def test_pages_that_were_not_read_are_named(stand: Stand) -> None:
    document = stand.uploaded(LONG)
    plan = stand.routed(document)
    stand.parsed(document, plan, *plan.ranges[1:])
    with pytest.raises(Permanent) as caught:
        chunk(stand, document.document_id, plan.parse_run_id)
    assert caught.value.code == "DOC_PAGES_INCOMPLETE"
    assert caught.value.details["missing"] == list(range(1, 51))
    assert stand.records.chunks.count(plan.parse_run_id) == 0
    assert stand.records.documents.get(document.document_id).status == "parsing"


def test_a_page_that_vanished_from_the_plan_is_noticed(stand: Stand) -> None:
    document = stand.uploaded()
    plan = stand.routed(document)
    stand.parsed(document, plan)
    stand.records.session.execute("update parse_runs set pages_expected = pages_expected + 1")
    with pytest.raises(Permanent) as caught:
        chunk(stand, document.document_id, plan.parse_run_id)
    assert caught.value.code == "DOC_PAGES_INCOMPLETE"


def test_headings_go_on_over_ranges(stand: Stand) -> None:
    document = stand.uploaded(
        "1 Scope\n\n" + "\n\n".join(f"Paragraph {n} without a heading of its own." for n in range(3000))
    )
    plan = stand.routed(document)
    assert len(plan.ranges) > 1
    stand.parsed(document, plan)
    chunk(stand, document.document_id, plan.parse_run_id)
    last = stand.records.chunks.of_run(plan.parse_run_id)[-1]
    assert last.positions[-1].page > 50
    assert last.heading_path == ("1 Scope",)


def test_chunks_are_read_by_current_run_page_and_id(stand: Stand) -> None:
    document = stand.uploaded()
    plan = stand.chunked(document)
    chunks = stand.records.chunks.of_run(plan.parse_run_id)
    ids_of = [one.chunk_id for one in chunks]
    assert stand.records.chunks.texts(ids_of) == []
    assert stand.records.chunks.get(ids_of[0], parse_run_id=plan.parse_run_id) == chunks[0]
    with pytest.raises(Refused) as caught:
        stand.records.chunks.get(ids_of[0])
    assert caught.value.code == "CHUNK_NOT_FOUND"
    stand.records.session.execute("update documents set parse_run_id = %(id)s", id=plan.parse_run_id)
    assert stand.records.chunks.get(ids_of[0]) == chunks[0]
    backwards = stand.records.chunks.texts([*reversed(ids_of), "chk_unknown"])
    assert backwards == chunks[::-1]
    assert stand.records.chunks.on_page(document.document_id) == chunks
    assert stand.records.chunks.on_page(document.document_id, page=1) == chunks
    assert stand.records.chunks.on_page(document.document_id, page=2) == []
    assert stand.records.chunks.on_page(document.document_id, chunk_type="table") == []
    stand.records.session.execute("update documents set deleted_at = now()")
    assert stand.records.chunks.texts(ids_of) == []
