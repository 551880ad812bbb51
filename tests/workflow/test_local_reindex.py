"""The operator's command of one machine, killed with SIGKILL in the middle and called again (runbook reindex.md)."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.postgres import Databases
from infra.local.reindex import reindex
from shared.domain.context import Actor
from shared.settings import environment
from shared.usecases.finish_ingestion import FinishIngestion, finish_ingestion
from shared.usecases.index_chunks import IndexChunks, index_chunks
from shared.usecases.reindex_tenants import ReindexTenants
from shared.wiring.local import LocalServices
from tests.ingest import make_stand
from tests.product import settings_for
from tests.records import clock

CHECKOUT = Path(__file__).parents[2]
# The command in a process of its own, which dies at the second document's entries: written, not committed.
DYING = """
import os, signal, sys
from infra.local.reindex import reindex
from shared.adapters.embedded_index import EmbeddedIndex
from shared.settings import Settings, read_settings
from shared.usecases.reindex_tenants import ReindexTenants
real, seen = EmbeddedIndex.add, []
def add(self, entries, *, generation):
    real(self, entries, generation=generation)
    seen.append(generation)
    if seen.count(2) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
EmbeddedIndex.add = add
reindex(read_settings(Settings), ReindexTenants(tenant_id=sys.argv[1]))
"""


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """The command goes on with all tenants that a sweep finds."""
    return own_databases


def test_a_command_that_was_killed_is_continued_by_the_next_and_the_way_back_works(
    databases: Databases, tmp_path: Path
) -> None:
    settings = settings_for(databases, tmp_path / "data")
    stand = make_stand(databases, tmp_path / "objects")
    tenant_id = stand.records.actor.tenant_id
    services = LocalServices(settings)
    parts = services.bind(Actor(tenant_id=tenant_id, actor_id="system", kind="system"))
    documents = []
    for n in range(3):
        document = stand.uploaded(f"{n} Offer\n\nThe bay number {n} holds shelves of oak and is delivered by us.")
        run_id = stand.chunked(document).parse_run_id
        into = {"records": parts.records, "index": parts.index, "embedder": parts.embedder}
        command = IndexChunks(document_id=document.document_id, parse_run_id=run_id, round=0)
        assert not index_chunks(command, **into, time_left=lambda: 900.0).more  # type: ignore[arg-type]
        finish_ingestion(FinishIngestion(document_id=document.document_id, parse_run_id=run_id), **into, clock=clock)  # type: ignore[arg-type]
        documents.append(document.document_id)
    rows, whole = parts.records.chunks.generations, {key: parts.index.entries(key) for key in documents}
    dying = subprocess.run(
        [sys.executable, "-c", DYING, tenant_id],
        cwd=CHECKOUT,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert dying.returncode == -signal.SIGKILL, dying.stderr
    building = rows.building()
    assert rows.searched() == 1 and building is not None and building.checked_to == documents[0]
    told: list[str] = []
    assert reindex(settings, ReindexTenants(tenant_id=tenant_id), told.append)
    assert told == ["searched: generation 2"]
    new = services.index(parts.records)
    assert {key: new.entries(key) for key in documents} == whole
    assert reindex(settings, ReindexTenants(tenant_id=tenant_id, action="back"), told.append)
    assert told[1:] == ["searched: generation 1"]
    services.close()
