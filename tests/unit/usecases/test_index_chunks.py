"""IndexChunks: portions, refusals, time, and an index that forgot."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent, Retryable
from shared.domain.retrieval import IndexEntry
from shared.ports.reading import ChunkIndex
from shared.usecases.finish_ingestion import FinishIngestion, finish_ingestion
from shared.usecases.index_chunks import IndexChunks, IndexedChunks, index_chunks
from tests.fakes.chunk_index import MemoryChunkIndex
from tests.ingest import HashEmbedder, Stand, make_stand
from tests.records import clock


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


LONG = "\n\n".join(f"{n}. Section\n\nThe bidder describes item {n} in {'many ' * 120} words." for n in range(1, 31))


def enough() -> float:
    return 900.0


def index(
    stand: Stand,
    ids: tuple[str, str],
    *,
    round: int = 0,
    time_left: Callable[[], float] = enough,
    into: ChunkIndex | None = None,
) -> IndexedChunks:
    command = IndexChunks(document_id=ids[0], parse_run_id=ids[1], round=round)
    return index_chunks(
        command, records=stand.records, index=into or stand.index, embedder=stand.embedder, time_left=time_left
    )


def chunked(stand: Stand, text: str = LONG) -> tuple[str, str]:
    document = stand.uploaded(text)
    return document.document_id, stand.chunked(document).parse_run_id


class Clock:
    """Time that goes by only when somebody asks how much is left."""

    def __init__(self, *left: float) -> None:
        self.left = list(left)

    def __call__(self) -> float:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


class PickyIndex(MemoryChunkIndex):
    """Refuses entries of some chunks."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__(tenant_id=tenant_id, dimension=8)
        self.refused: set[str] = set()

    def add(self, entries: Sequence[IndexEntry], *, generation: int) -> None:
        super().add([e for e in entries if e.chunk_id not in self.refused], generation=generation)
        failed = [e.entry_id for e in entries if e.chunk_id in self.refused]
        if failed:
            raise Retryable("INDEX_WRITE_PARTIAL", details={"failed": failed})


def test_every_chunk_is_acknowledged_and_found(stand: Stand) -> None:
    ids = chunked(stand)
    count = stand.records.chunks.count(ids[1])
    assert count > 16
    assert index(stand, ids) == IndexedChunks(more=False, round=1, acked=count)
    assert stand.index.count(ids[0]) == count
    document = stand.records.documents.get(ids[0])
    assert document.status == "indexing"
    assert stand.job(document).progress_done == 95


def test_repeating_embeds_nothing_again(stand: Stand) -> None:
    ids = chunked(stand)
    first = index(stand, ids)
    embedded = len(stand.embedder.texts)
    assert index(stand, ids).acked == first.acked
    assert len(stand.embedder.texts) == embedded


def test_running_out_of_time_is_a_normal_result(stand: Stand) -> None:
    ids = chunked(stand)
    # Asked before the portion and before embedding it: two portions of 8, then 59 seconds are left.
    first = index(stand, ids, time_left=Clock(900, 900, 900, 900, 59))
    assert (first.more, first.round, first.acked) == (True, 1, 16)
    assert len(stand.embedder.texts) == 16
    second = index(stand, ids, round=first.round)
    assert (second.more, second.round, second.acked) == (False, 2, stand.records.chunks.count(ids[1]))
    assert len(stand.embedder.texts) == second.acked


def test_time_that_runs_out_while_embedding_leaves_the_portion_for_later(stand: Stand) -> None:
    ids = chunked(stand)
    assert index(stand, ids, time_left=Clock(900, 59)).acked == 0
    assert stand.index.count(ids[0]) == 0


def test_there_are_at_most_20_rounds(stand: Stand) -> None:
    ids = chunked(stand)
    assert index(stand, ids, round=18, time_left=Clock(10)).more
    with pytest.raises(Permanent) as caught:
        index(stand, ids, round=19, time_left=Clock(10))
    assert caught.value.code == "CHUNKS_INCOMPLETE"


def test_refused_entries_leave_a_repair_task_and_a_retry_mends_it(stand: Stand) -> None:
    ids = chunked(stand)
    every = [chunk.chunk_id for chunk in stand.records.chunks.of_run(ids[1])]
    picky = PickyIndex(stand.records.actor.tenant_id)
    picky.refused = {every[3], every[10]}
    with pytest.raises(Retryable) as caught:
        index(stand, ids, into=picky)
    assert caught.value.code == "INDEX_WRITE_PARTIAL"
    assert caught.value.details == {"failed": [every[3], every[10]], "acked": len(every) - 2}
    failed = stand.records.session.rows("select chunk_id, error_code from index_writes where status = 'failed'")
    assert {row["chunk_id"] for row in failed} == picky.refused
    assert stand.records.documents.get(ids[0]).status == "indexing"
    picky.refused = set()
    assert index(stand, ids, into=picky).acked == len(every)


def test_f13_one_of_500_refused_writes_leaves_a_repair_task_and_no_indexed_document_until_it_is_repaired(
    stand: Stand,
) -> None:
    ids = chunked(stand, "1. Section\n\nThe bidder describes an item.")
    every = five_hundred_chunks(stand, ids[1])
    picky = PickyIndex(stand.records.actor.tenant_id)
    picky.refused = {every[321]}
    with pytest.raises(Retryable) as caught:
        index(stand, ids, into=picky)
    assert caught.value.details == {"failed": [every[321]], "acked": len(every) - 1}
    assert repair_tasks(stand) == [(every[321], "INDEX_WRITE_PARTIAL")]
    done = FinishIngestion(document_id=ids[0], parse_run_id=ids[1])
    parts = {"records": stand.records, "index": picky, "embedder": stand.embedder, "clock": clock}
    with pytest.raises(Permanent) as refused:
        finish_ingestion(done, **parts)  # type: ignore[arg-type]
    assert refused.value.code == "CHUNKS_INCOMPLETE"
    assert stand.records.documents.get(ids[0]).status == "indexing"
    picky.refused, before = set(), len(stand.embedder.texts)
    assert index(stand, ids, into=picky).acked == len(every)
    assert len(stand.embedder.texts) == before + 1, "only the refused one is written again"
    assert repair_tasks(stand) == []
    finish_ingestion(done, **parts)  # type: ignore[arg-type]
    assert stand.records.documents.get(ids[0]).status == "indexed"
    assert picky.count(ids[0]) == len(every)


def five_hundred_chunks(stand: Stand, parse_run_id: str) -> list[str]:
    """Let the run have 500 chunks, as ChunkDocument would have left them; their ids in order."""
    first, *more = stand.records.chunks.of_run(parse_run_id)
    copies = [
        replace(first, chunk_id=f"{first.chunk_id}{n}", ordinal=n, text=f"Item {n}", positions=())
        for n in range(1 + len(more), 500)
    ]
    stand.records.chunks.add(copies)
    stand.records.session.execute(
        "update parse_runs set chunk_count = 500 where parse_run_id = %(id)s", id=parse_run_id
    )
    return [chunk.chunk_id for chunk in stand.records.chunks.of_run(parse_run_id)]


def repair_tasks(stand: Stand) -> list[tuple[str, str]]:
    """The failed rows of the index writes (R56, D53)."""
    rows = stand.records.session.rows("select chunk_id, error_code from index_writes where status = 'failed'")
    return [(row["chunk_id"], row["error_code"]) for row in rows]


def test_an_index_that_forgot_is_filled_again(stand: Stand) -> None:
    ids = chunked(stand)
    index(stand, ids)
    stand.index.remove_document(ids[0])
    assert index(stand, ids).acked == stand.index.count(ids[0]) == stand.records.chunks.count(ids[1])


def test_chunks_of_an_earlier_parse_run_leave_the_index(stand: Stand) -> None:
    ids = chunked(stand)
    index(stand, ids)
    stand.records.session.execute("update documents set status = 'parsing'")
    stand.parser.version = "2"
    document = stand.records.documents.get(ids[0])
    plan = stand.chunked(document)
    assert plan.parse_run_id != ids[1]
    index(stand, (ids[0], plan.parse_run_id))
    assert stand.index.count(ids[0]) == stand.records.chunks.count(plan.parse_run_id)


def test_a_large_table_is_found_by_views_of_its_rows(stand: Stand) -> None:
    rows = "".join(f"<tr><td>Item {n}</td><td>{n * 7} pieces of shelving type {n}</td></tr>" for n in range(200))
    html = f"<html><body><h1>Prices</h1><table><tr><th>Item</th><th>Amount</th></tr>{rows}</table></body></html>"
    document = stand.uploaded(html)
    stand.records.session.execute("update documents set media_type = 'text/html'")
    ids = document.document_id, stand.chunked(document).parse_run_id
    table = next(chunk for chunk in stand.records.chunks.of_run(ids[1]) if chunk.chunk_type == "table")
    assert table.token_count > 700
    index(stand, ids)
    entries = [entry for entry in stand.index._entries.values() if entry.chunk_id == table.chunk_id]
    views = [entry for entry in entries if "#r" in entry.entry_id]
    assert len(views) > 2 and all(view.vector is not None for view in views)
    assert next(entry for entry in entries if entry.entry_id == table.chunk_id).vector is None
    assert stand.index.count(ids[0]) == stand.records.chunks.count(ids[1])


def test_another_embedding_profile_is_refused(stand: Stand) -> None:
    ids = chunked(stand)
    index(stand, ids)
    other = HashEmbedder()
    other.profile_id = "other"
    stand.embedder = other
    with pytest.raises(Permanent) as caught:
        index(stand, ids)
    assert caught.value.code == "INDEX_DIMENSION_MISMATCH"
