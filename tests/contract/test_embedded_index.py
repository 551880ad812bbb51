"""The embedded index between processes, and how near OpenSearch's approximate neighbours are to the exact ones."""

import multiprocessing
import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.embedded_index import EmbeddedIndex
from shared.adapters.opensearch import OpenSearchIndex
from shared.adapters.postgres.session import Session
from shared.adapters.term_folder import TermFolder
from shared.domain.retrieval import IndexEntry, Scope
from shared.domain.terms import terms

SCOPE = Scope(tenant_id="ten_e", project_id="p1", supplier_id="s1")
PLAIN = IndexEntry(
    entry_id="c", chunk_id="c", document_id="d1", project_id="p1", supplier_id="s1", doc_type="bid", chunk_type="text",
    language="en", terms="", heading_terms="", code_terms="", page_from=1, page_to=1, token_count=1, quality=1.0,
    content_hash="h",
)  # fmt: skip


def entry(chunk_id: str, text: str, vector: list[float] | None = None) -> IndexEntry:
    """An entry with this text."""
    return replace(PLAIN, entry_id=chunk_id, chunk_id=chunk_id, terms=" ".join(terms(text)), vector=vector)


def write(folder: str, name: str) -> None:
    """What a worker process does: several commits of its own."""
    for n in range(5):
        TermFolder(Path(folder)).add([entry(f"{name}-{n}", f"bond {name}")])


def test_writers_of_several_processes_wait_for_each_other_and_a_reader_sees_them_all(tmp_path: Path) -> None:
    folder = tmp_path / "g1"
    reader = TermFolder(folder)
    assert reader.search(SCOPE, ["bond"], [], limit=5) == []
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(write, [str(folder)] * 3, ["a", "b", "c"]))
    assert len(reader.search(SCOPE, ["bond"], [], limit=100)) == 15
    assert reader.count("d1") == 15


def test_a_generation_is_read_only_when_asked_for(tmp_path: Path, session_of: Callable[[str], Session]) -> None:
    def index(generation: int) -> EmbeddedIndex:
        session = session_of(SCOPE.tenant_id)
        return EmbeddedIndex(tmp_path, session, tenant_id=SCOPE.tenant_id, profile_id="p-1", generation=generation)

    index(1).add([entry("old", "bond")], generation=1)
    index(1).add([entry("new", "bond")], generation=2)
    assert [hit.chunk_id for hit in index(1).lexical(SCOPE, ["bond"], [], limit=5)] == ["old"]
    assert [hit.chunk_id for hit in index(2).lexical(SCOPE, ["bond"], [], limit=5)] == ["new"]
    index(2).remove_document("d1")
    assert index(1).count("d1") == index(2).count("d1") == 0


@pytest.mark.opensearch
def test_approximate_neighbours_under_a_filter_are_nearly_the_exact_ones(
    tmp_path: Path, session_of: Callable[[str], Session], opensearch_client: Any, opensearch_prefix: str
) -> None:
    chance = random.Random(7)
    topics = [[chance.gauss(0, 1) for _ in range(384)] for _ in range(40)]

    def near(topic: list[float]) -> list[float]:
        return [round(value + chance.gauss(0, 0.8), 5) for value in topic]

    entries = [entry(f"c{n:04d}", "x", near(topics[n % 40])) for n in range(1500)]
    entries = [replace(e, supplier_id="s1" if n % 3 else "s2") for n, e in enumerate(entries)]
    exact = EmbeddedIndex(tmp_path, session_of(SCOPE.tenant_id), tenant_id=SCOPE.tenant_id, profile_id="p-knn")
    graph = OpenSearchIndex(opensearch_client, tenant_id=SCOPE.tenant_id, profile_id="p-knn", prefix=opensearch_prefix)
    for index in (exact, graph):
        index.add(entries, generation=1)
    questions = [near(topic) for topic in topics]
    shared = 0
    for question in questions:
        wanted = {hit.chunk_id for hit in exact.nearest(SCOPE, question, limit=10)}
        assert len(wanted) == 10
        shared += len(wanted & {hit.chunk_id for hit in graph.nearest(SCOPE, question, limit=10)})
    assert shared / (10 * len(questions)) >= 0.95
