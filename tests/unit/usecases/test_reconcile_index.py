"""The sweep of the index finds what is missing, changed and too much, and repairs just that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.embedded_index import EmbeddedIndex
from shared.adapters.postgres import sweeps
from shared.adapters.postgres.sweep_queries import QUERIES, TURN_SECONDS
from shared.adapters.postgres.sweeps import PostgresSweeps
from shared.domain.documents import Document
from shared.domain.errors import Retryable
from shared.domain.retrieval import IndexEntry
from shared.domain.sweeps import Candidate, Swept
from shared.ports.reading import ChunkIndex
from shared.ports.records import Records
from shared.usecases.finish_ingestion import FinishIngestion, finish_ingestion
from shared.usecases.index_chunks import IndexChunks, index_chunks
from shared.usecases.reconcile_index import ReconcileIndex, reconcile_index
from tests.fakes.chunk_index import MemoryChunkIndex
from tests.ingest import HashEmbedder, Stand, make_stand
from tests.records import clock, pool
from tests.sweeping import findings, heartbeat, sweep

TEXT = "\n\n".join(f"{n}. Section\n\nThe bidder describes item {n} in {'many ' * 120} words." for n in range(1, 12))


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


@dataclass
class At:
    """The TenantIndex of a test."""

    records: Records
    index: ChunkIndex
    embedder: HashEmbedder


class OfOneTenant(PostgresSweeps):
    """The real sweeps, blind to what other tests left in the module's database."""

    def __init__(self, stand: Stand) -> None:
        super().__init__(pool(stand.databases.sweep_url))
        self.tenant_id = stand.records.actor.tenant_id

    def find(self, sweep: str) -> list[Candidate]:
        return [found for found in super().find(sweep) if found.tenant_id == self.tenant_id]


def reconcile(stand: Stand, index: ChunkIndex | None = None, **given: Any) -> dict[str, Swept]:
    at = At(stand.again(), index or stand.index, stand.embedder)
    calls = {"sweeps": OfOneTenant(stand), "index_of": lambda tenant: at} | given
    return sweep(stand.databases, reconcile_index, ReconcileIndex(), **calls)


def indexed(stand: Stand, text: str = TEXT, index: ChunkIndex | None = None) -> Document:
    """A document that went through all steps."""
    document = stand.uploaded(text)
    run_id = stand.chunked(document).parse_run_id
    into = {"records": stand.records, "index": index or stand.index, "embedder": stand.embedder}
    command = IndexChunks(document_id=document.document_id, parse_run_id=run_id, round=0)
    assert not index_chunks(command, **into, time_left=lambda: 900.0).more  # type: ignore[arg-type]
    done = FinishIngestion(document_id=document.document_id, parse_run_id=run_id)
    finish_ingestion(done, **into, clock=clock)  # type: ignore[arg-type]
    return stand.records.documents.get(document.document_id)


def an_entry(index: MemoryChunkIndex, document: Document) -> IndexEntry:
    return next(e for e in index._entries.values() if e.document_id == document.document_id)


def test_exactly_what_is_missing_changed_and_too_much_is_repaired_and_a_second_sweep_finds_nothing(
    stand: Stand,
) -> None:
    document = indexed(stand)
    good = dict(stand.index._entries)
    ids = sorted(good)
    assert len(ids) > 8
    stand.index.remove(document.document_id, ids[:3])
    planted = [replace(good[ids[4]], entry_id=f"planted{n}", chunk_id=f"planted{n}") for n in range(2)]
    changed = replace(good[ids[5]], content_hash="another", terms="other words")
    stand.index.add([*planted, changed], generation=1)
    embedded = len(stand.embedder.texts)
    done = reconcile(stand)["index_entries"]
    assert (done.repaired, done.error_code) == (1, None)
    assert stand.index._entries == good
    assert len(stand.embedder.texts) == embedded + 4, "three that were missing and one that had changed"
    row = findings(stand.records, "index_entries", document.document_id)
    assert len(row) == 1 and row[0]["repaired"]
    seen = row[0]["observed"]
    assert [seen[kind]["count"] for kind in ("missing", "changed", "extra")] == [3, 1, 2]
    assert seen["extra"]["first"] == ["planted0", "planted1"]
    assert reconcile(stand)["index_entries"].repaired == 0
    assert len(findings(stand.records, "index_entries", document.document_id)) == 1
    assert heartbeat(stand.databases, "index_entries").last_ok_at is not None


def test_the_whole_index_is_made_again_when_its_folder_is_lost(stand: Stand, tmp_path: Path) -> None:
    stand.embedder.dimension = 384
    stand.embedder.query = lambda text: [1.0 + len(text)] * 384  # type: ignore[method-assign]
    tenant = stand.records.actor.tenant_id

    def index(root: str) -> EmbeddedIndex:
        return EmbeddedIndex(tmp_path / root, stand.records.session, tenant_id=tenant, profile_id="hash-8")

    document = indexed(stand, index=index("first"))
    count = stand.records.chunks.count(str(document.parse_run_id))
    assert reconcile(stand, index("first"))["index_entries"].repaired == 0
    assert reconcile(stand, index("second"))["index_entries"].repaired == 1
    assert index("second").count(document.document_id) == count
    stand.records.session.execute(
        "delete from chunk_vectors where document_id = %(id)s and chunk_id = (select min(chunk_id) from chunk_vectors)",
        id=document.document_id,
    )
    assert reconcile(stand, index("second"))["index_entries"].repaired == 1
    rows = findings(stand.records, "index_entries", document.document_id)
    assert sorted(row["observed"]["changed"]["count"] for row in rows) == [1, count]
    assert all(entry.has_vector for entry in index("second").entries(document.document_id).values())
    assert reconcile(stand, index("second"))["index_entries"].repaired == 0


def test_documents_that_were_deleted_failed_or_never_known_leave_the_index(stand: Stand) -> None:
    kept, gone, failed, busy = (indexed(stand, f"{TEXT}\n\n{n}") for n in range(4))
    stranger = replace(an_entry(stand.index, kept), entry_id="s", chunk_id="s", document_id="doc_unknown")
    stand.index.add([stranger], generation=1)
    change = "update documents set status = %(status)s, deleted_at = %(at)s where document_id = %(id)s"
    stand.records.session.execute(change, status="deleted", at=clock.now(), id=gone.document_id)
    stand.records.session.execute(change, status="index_failed", at=None, id=failed.document_id)
    stand.records.session.execute(change, status="indexing", at=None, id=busy.document_id)
    assert reconcile(stand)["index_strangers"].repaired == 1
    assert stand.index.document_ids() == sorted([kept.document_id, busy.document_id])
    for document_id in ("doc_unknown", gone.document_id, failed.document_id):
        assert len(findings(stand.records, "index_strangers", document_id)) == 1
    assert reconcile(stand)["index_strangers"].repaired == 0


def test_a_document_under_its_job_is_left_alone(stand: Stand) -> None:
    document = indexed(stand)
    stand.records.session.execute(
        "update jobs set status = 'running' where resource_id = %(i)s", i=document.document_id
    )
    stand.index.remove(document.document_id, [an_entry(stand.index, document).entry_id])
    before = dict(stand.index._entries)
    assert reconcile(stand)["index_entries"].repaired == 0
    assert stand.index._entries == before
    assert findings(stand.records, "index_entries", document.document_id) == []


class Refusing(MemoryChunkIndex):
    """Refuses every write."""

    def add(self, entries: Sequence[IndexEntry], *, generation: int) -> None:
        raise Retryable("INDEX_WRITE_PARTIAL", details={"failed": [entry.entry_id for entry in entries]})


def test_an_index_that_refuses_stands_in_finding_and_heartbeat_and_the_next_sweep_repairs(stand: Stand) -> None:
    document = indexed(stand)
    refusing = Refusing(tenant_id=stand.records.actor.tenant_id, dimension=8)
    done = reconcile(stand, refusing)["index_entries"]
    assert (done.repaired, done.error_code) == (0, "INDEX_WRITE_PARTIAL")
    assert [row["repaired"] for row in findings(stand.records, "index_entries", document.document_id)] == [False]
    empty = MemoryChunkIndex(tenant_id=stand.records.actor.tenant_id, dimension=8)
    assert reconcile(stand, empty)["index_entries"].repaired == 1
    assert empty._entries == stand.index._entries


def test_what_time_did_not_allow_is_left_to_the_next_sweep(stand: Stand) -> None:
    document = indexed(stand)
    stand.index.remove_document(document.document_id)
    before = len(stand.embedder.texts)
    done = reconcile(stand, time_left=lambda: 100.0 if len(stand.embedder.texts) == before else 10.0)["index_entries"]
    assert (done.repaired, stand.index.count(document.document_id)) == (0, 8)
    assert [row["repaired"] for row in findings(stand.records, "index_entries", document.document_id)] == [False]
    assert reconcile(stand)["index_entries"].repaired == 1


def test_more_documents_than_a_sweep_takes_come_in_turns(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        indexed(stand, f"{TEXT}\n\n{n}")
    with psycopg.connect(stand.databases.sweep_url) as connection:
        every = {row[2] for row in connection.execute(QUERIES["index_entries"]).fetchall()}
    monkeypatch.setattr(sweeps, "SWEEP_ROWS", 2)
    turns = (len(every) + 1) // 2
    hour = int(clock.now().timestamp()) // 3600
    seen: list[str] = []
    for turn in range(turns):
        # turns of another length, so that the one of now has any number that we want
        every_seconds = clock.now().timestamp() / (hour - hour % turns + turn + 0.5)
        monkeypatch.setitem(TURN_SECONDS, "index_entries", every_seconds)
        seen += [found.subject_id for found in PostgresSweeps(pool(stand.databases.sweep_url)).find("index_entries")]
    assert sorted(seen) == sorted(every)
