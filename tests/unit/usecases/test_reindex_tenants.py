"""A reindex while documents are being indexed: who writes is waited for, and nothing written meanwhile is missed."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.embedded_generations import EmbeddedGenerations
from shared.adapters.embedded_index import EmbeddedIndex
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.documents import Document
from shared.domain.errors import Permanent, Refused, Retryable
from shared.domain.index_generations import may_be_searched
from shared.domain.sweeps import Swept
from shared.ports.reading import ChunkIndex
from shared.usecases.finish_ingestion import FinishIngestion, finish_ingestion
from shared.usecases.index_chunks import IndexChunks, index_chunks
from shared.usecases.reindex_tenants import ReindexTenants, reindex_tenants
from tests.ingest import HashEmbedder, Stand, make_stand
from tests.records import clock, make_records
from tests.sweeping import sweep

TEXT = "\n\n".join(f"{n}. Section\n\nThe bidder describes item {n} in {'many ' * 120} words." for n in range(1, 25))


class WideEmbedder(HashEmbedder):
    """In the dimension of the column."""

    dimension = 384

    def query(self, text: str) -> list[float]:
        return super().query(text) * 48


@dataclass
class At:
    """The TenantGenerations of a test."""

    records: PostgresRecords
    index: ChunkIndex
    generations: EmbeddedGenerations
    embedder: WideEmbedder = field(default_factory=WideEmbedder)


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


class Desk:
    """A tenant whose documents are indexed on one machine, and whose index is built anew meanwhile."""

    def __init__(self, databases: Databases, folder: Path) -> None:
        self.stand: Stand = make_stand(databases, folder / "objects")
        self.databases, self.root = databases, folder / "index"
        self.tenant_id = self.stand.records.actor.tenant_id
        self.embedder = WideEmbedder()

    def at(self, _: str = "") -> At:
        records = make_records(self.databases, self.tenant_id)
        tenant_id, profile_id = self.tenant_id, WideEmbedder.profile_id
        number = records.chunks.generations.searched()
        session = records.session
        index = EmbeddedIndex(self.root, session, tenant_id=tenant_id, profile_id=profile_id, generation=number)
        made = EmbeddedGenerations(self.root, session, tenant_id=tenant_id, profile_id=profile_id)
        return At(records, index, made)

    def reindex(self, action: str = "") -> Swept:
        command = ReindexTenants(tenant_id=self.tenant_id, action=action) if action else ReindexTenants()  # type: ignore[arg-type]
        return sweep(self.databases, reindex_tenants, command, generations_of=self.at)["index_generations"]

    def index(self, document: Document, run_id: str, time_left: Callable[[], float] = lambda: 900.0) -> bool:
        command = IndexChunks(document_id=document.document_id, parse_run_id=run_id, round=0)
        at = self.at()
        return index_chunks(
            command, records=at.records, index=at.index, embedder=self.embedder, time_left=time_left
        ).more

    def finish(self, document: Document, run_id: str) -> int:
        at, command = self.at(), FinishIngestion(document_id=document.document_id, parse_run_id=run_id)
        return finish_ingestion(command, records=at.records, index=at.index, embedder=self.embedder, clock=clock).chunks

    def states(self) -> dict[int, str]:
        rows = self.stand.records.session.rows("select index_generation as n, state from index_generations order by 1")
        return {row["n"]: row["state"] for row in rows}


@pytest.fixture
def desk(databases: Databases, tmp_path: Path) -> Any:
    made = Desk(databases, tmp_path)
    yield made
    change = "update index_generations set state = 'retired', kept_until = null, dropped_at = clock_timestamp()"
    made.stand.records.session.execute(f"{change} where state <> 'active'")


@pytest.mark.parametrize("switched_between", [True, False], ids=["switched", "begun"])
def test_a_document_that_is_half_indexed_when_a_reindex_comes_is_whole_in_the_new_one(
    desk: Desk, switched_between: bool
) -> None:
    document = desk.stand.uploaded(TEXT)
    run_id = desk.stand.chunked(document).parse_run_id
    turns = iter([900.0, 900.0, 900.0])
    assert desk.index(document, run_id, lambda: next(turns, 0.0)), "time for a portion only"
    done = desk.reindex("begin") if switched_between else None
    if done is None:
        with desk.at().records.transaction():
            desk.at().records.chunks.generations.begin(WideEmbedder.profile_id)
    half = desk.at().index.count(document.document_id)
    assert 0 < half < desk.stand.records.chunks.count(run_id)
    assert desk.states() == ({1: "kept", 2: "active"} if switched_between else {1: "active", 2: "building"})
    assert not desk.index(document, run_id)
    if not switched_between:
        assert desk.reindex().repaired == 1
    assert desk.finish(document, run_id) == desk.stand.records.chunks.count(run_id)
    new = desk.at().generations.at(2)
    assert new.count(document.document_id) == desk.stand.records.chunks.count(run_id)
    assert new.entries(document.document_id) == desk.at().generations.at(1).entries(document.document_id)


def test_a_reindex_begins_only_when_no_writer_is_at_work(desk: Desk) -> None:
    document = desk.stand.uploaded(TEXT)
    run_id = desk.stand.chunked(document).parse_run_id
    assert not desk.index(document, run_id)
    writer, begun = desk.at().records, threading.Event()

    def begin() -> None:
        desk.reindex("begin")
        begun.set()

    thread = threading.Thread(target=begin)
    with writer.transaction():
        assert writer.chunks.generations.written() == [1]
        thread.start()
        with psycopg.connect(desk.databases.owner_url, autocommit=True) as connection:
            here = "(select oid from pg_database where datname = current_database())"
            waiting = f"select 1 from pg_locks where locktype = 'advisory' and not granted and database = {here}"
            while connection.execute(waiting).fetchone() is None:
                assert not begun.is_set(), "it did not wait"
    thread.join()
    assert desk.states() == {1: "kept", 2: "active"}
    with writer.transaction():
        assert writer.chunks.generations.written() == [2, 1]


def test_a_document_is_the_same_in_whatever_order_its_rows_lie(desk: Desk) -> None:
    document = desk.stand.uploaded(TEXT)
    run_id = desk.stand.chunked(document).parse_run_id
    assert not desk.index(document, run_id)
    records, seen = desk.at().records, set()
    for plan in ("enable_seqscan", "enable_indexscan"):  # by the index, then as the rows lie
        with records.transaction():
            records.session.execute("set local enable_bitmapscan = off")
            records.session.execute(f"set local {plan} = off")
            seen.add(records.chunks.generations.contents.subject(document.document_id))
        newest_first = "select chunk_id from index_writes where document_id = %(id)s order by chunk_id desc"
        for row in records.session.rows(newest_first, id=document.document_id):
            touch = "update index_writes set updated_at = clock_timestamp() where chunk_id = %(id)s"
            records.session.execute(touch, id=row["chunk_id"])  # PostgreSQL writes it anew behind the others
    (subject,) = seen
    assert subject is not None and len(subject.chunk_ids or ()) > 1


def test_what_was_acknowledged_behind_the_pass_is_found_before_the_switch(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = desk.stand.uploaded(TEXT)
    run_id = desk.stand.chunked(document).parse_run_id
    assert not desk.index(document, run_id)
    real = EmbeddedIndex.document_ids

    def behind(index: EmbeddedIndex) -> list[str]:
        """Between the pass over the documents and the switch."""
        rows = desk.at().records.session
        rows.execute("update index_writes set status = 'failed' where index_generation = 2")
        monkeypatch.setattr(EmbeddedIndex, "document_ids", real)
        return real(index)

    monkeypatch.setattr(EmbeddedIndex, "document_ids", behind)
    assert desk.reindex("begin").repaired == 0
    assert desk.states() == {1: "active", 2: "building"}
    assert desk.reindex().repaired == 1
    assert desk.states() == {1: "kept", 2: "active"}


class Refusing(EmbeddedIndex):
    """Refuses every entry, for what it is or for want of room."""

    kind: type[Retryable] | type[Permanent] = Retryable

    def add(self, entries: Any, *, generation: int) -> None:
        raise self.kind("INDEX_WRITE_PARTIAL", details={"failed": [entry.entry_id for entry in entries]})


@pytest.mark.parametrize("kind", [Retryable, Permanent])
def test_an_entry_that_no_repeat_helps_is_not_tried_again(
    desk: Desk, kind: type[Retryable] | type[Permanent], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = desk.stand.uploaded(TEXT)
    run_id = desk.stand.chunked(document).parse_run_id
    at = desk.at()
    refusing = Refusing(desk.root, at.records.session, tenant_id=desk.tenant_id, profile_id="hash-8")
    monkeypatch.setattr(Refusing, "kind", kind)
    command = IndexChunks(document_id=document.document_id, parse_run_id=run_id, round=0)
    with pytest.raises(kind) as failed:
        index_chunks(command, records=at.records, index=refusing, embedder=desk.embedder, time_left=lambda: 900.0)
    assert failed.value.code == "INDEX_WRITE_PARTIAL"
    rows = at.records.session.rows("select distinct status, error_code from index_writes")
    assert rows == [{"status": "failed", "error_code": "INDEX_WRITE_PARTIAL"}]


def test_nothing_kept_is_no_way_back_and_two_orders_build_one_generation(desk: Desk) -> None:
    with pytest.raises(Refused):
        desk.reindex("back")
    at = desk.at()
    at.records.chunks.writes.generation(WideEmbedder.profile_id)
    rows = at.records.chunks.generations
    assert rows.begin(WideEmbedder.profile_id) == rows.begin(WideEmbedder.profile_id)
    assert desk.states() == {1: "active", 2: "building"}


@pytest.mark.parametrize(
    ("before", "after", "may"),
    [
        ([], [], True),
        ([True] * 99 + [False], [True] * 98 + [False] * 2, True),
        ([True] * 100, [True] * 98 + [False] * 2, False),
        ([False] * 4, [False] * 4, True),
    ],
)
def test_recall_may_fall_by_one_in_a_hundred(before: list[bool], after: list[bool], may: bool) -> None:
    assert may_be_searched(before, after) is may
