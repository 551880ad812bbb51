"""R58 on the real indexes: delete three entries, plant two, change one, sweep, compare."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.adapters.embedded_index import EmbeddedIndex
from shared.adapters.opensearch import OpenSearchIndex
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.postgres.sweeps import PostgresSweeps
from shared.domain.index_entries import index_entry
from shared.domain.sweeps import Swept
from shared.ports.reading import ChunkIndex
from shared.usecases.reconcile_index import ReconcileIndex, reconcile_index
from tests.evaluation_seed import Seed
from tests.records import make_records, pool
from tests.sweeping import findings, sweep

PROFILE, DIMENSION = "p-1", 384
TEXTS = tuple(f"Section {n}\nThe bay of type {n} holds {n + 7} shelves of oak." for n in range(12))


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


@pytest.fixture(params=["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def make_index(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[PostgresRecords], ChunkIndex]:
    """Makes the real index of the records' tenant."""
    if request.param == "embedded":
        return lambda records: EmbeddedIndex(
            tmp_path, records.session, tenant_id=records.actor.tenant_id, profile_id=PROFILE
        )
    client, prefix = request.getfixturevalue("opensearch_client"), request.getfixturevalue("opensearch_prefix")
    return lambda records: OpenSearchIndex(client, tenant_id=records.actor.tenant_id, profile_id=PROFILE, prefix=prefix)


class Embedder:
    """One direction per text, in the dimension of the real profile."""

    profile_id, dimension = PROFILE, DIMENSION

    def passages(self, texts: list[str]) -> list[list[float]]:
        return [self.query(text) for text in texts]

    def query(self, text: str) -> list[float]:
        return [1.0 + (ord(text[n % len(text)]) % 13) for n in range(DIMENSION)]


@dataclass
class At:
    """The TenantIndex of a test."""

    records: PostgresRecords
    index: ChunkIndex
    embedder: Embedder


def test_exactly_the_differences_are_repaired(
    databases: Databases, make_index: Callable[[PostgresRecords], ChunkIndex]
) -> None:
    records = make_records(databases)
    tenant, embedder = records.actor.tenant_id, Embedder()
    index = make_index(records)
    document = Seed(records, [], url=databases.app_url).document(TEXTS)
    records.chunks.writes.generation(PROFILE)
    chunks = records.chunks.of_run(document.parse_run_id or "")
    good = [index_entry(chunk, vector=embedder.query(chunk.text)) for chunk in chunks]

    class Mine(PostgresSweeps):
        """Blind to what the other parameter left in the database."""

        def find(self, name: str) -> list[object]:  # type: ignore[override]
            return [found for found in super().find(name) if found.tenant_id == tenant]

    def reconcile() -> dict[str, Swept]:
        at = At(make_records(databases, tenant), index, embedder)
        mine = Mine(pool(databases.sweep_url))
        return sweep(databases, reconcile_index, ReconcileIndex(), sweeps=mine, index_of=lambda _: at)

    assert reconcile()["index_entries"].repaired == 1, "nothing was indexed yet"
    whole = dict(index.entries(document.document_id))
    assert sorted(whole) == sorted(entry.entry_id for entry in good)
    index.remove(document.document_id, [entry.entry_id for entry in good[:3]])
    planted = [replace(good[4], entry_id=name, chunk_id=name) for name in ("planted1", "planted2")]
    stranger = replace(good[5], entry_id="stranger", chunk_id="stranger", document_id="doc_unknown")
    index.add([*planted, stranger, replace(good[6], content_hash="another", vector=None)], generation=1)
    done = reconcile()
    assert {name: (one.repaired, one.error_code) for name, one in done.items()} == {
        "index_entries": (1, None),
        "index_strangers": (1, None),
    }
    assert index.entries(document.document_id) == whole
    assert index.document_ids() == [document.document_id]
    seen = [row["observed"] for row in findings(records, "index_entries", document.document_id)]
    kinds = sorted(kind for told in seen for kind in told.keys() & {"missing", "changed", "extra"})
    assert kinds == ["changed", "extra", "missing", "missing"]
    assert {name: one.repaired for name, one in reconcile().items()} == {"index_entries": 0, "index_strangers": 0}
