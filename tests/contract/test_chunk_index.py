"""The contract of the search index, held by the fake, the embedded index and a real OpenSearch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.embedded_index import EmbeddedIndex
from shared.adapters.opensearch import OpenSearchIndex
from shared.domain.errors import Permanent, Refused, Retryable
from shared.domain.retrieval import KeptEntry, Scope
from shared.ports.reading import ChunkIndex
from tests.contract.index_samples import DIMENSION, OTHER, TENANT, entry, found, near, scope, vector
from tests.fakes.chunk_index import MemoryChunkIndex

MakeIndex = Callable[[str], ChunkIndex]


@pytest.fixture(params=["fake", "embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def make_index(request: pytest.FixtureRequest, tmp_path: Path) -> MakeIndex:
    """Makes the index of a tenant; two calls for one tenant read the same data."""
    if request.param == "fake":
        made: dict[str, ChunkIndex] = {}
        return lambda tenant: made.setdefault(tenant, MemoryChunkIndex(tenant_id=tenant, dimension=DIMENSION))
    if request.param == "embedded":
        session_of = request.getfixturevalue("session_of")
        for tenant in (TENANT, OTHER):
            session_of(tenant).execute("DELETE FROM chunk_vectors")
        return lambda tenant: EmbeddedIndex(tmp_path, session_of(tenant), tenant_id=tenant, profile_id="p-1")
    client = request.getfixturevalue("opensearch_client")
    prefix = request.getfixturevalue("opensearch_prefix")
    return lambda tenant: OpenSearchIndex(client, tenant_id=tenant, profile_id="p-1", prefix=prefix)


@pytest.fixture
def index(make_index: MakeIndex) -> ChunkIndex:
    """The index of the tenant."""
    return make_index(TENANT)


def test_what_was_added_is_found_by_its_words_and_by_its_vector(index: ChunkIndex) -> None:
    index.add([entry("c1", "Delivery within sixty days", vector=vector(1.0)), entry("c2", "投标保证金")], generation=1)
    assert found(index, scope(), "deliveries in days") == ["c1"]
    assert found(index, scope(), "保证金") == ["c2"]
    assert near(index, scope(), vector(1.0)) == ["c1"]
    hit = index.lexical(scope(), ["deliveri"], [], limit=1)[0]
    assert (hit.document_id, hit.rank) == ("d1", 1)


def test_an_index_never_written_to_is_empty(index: ChunkIndex) -> None:
    assert found(index, scope(), "anything") == []
    assert near(index, scope(), vector(1.0)) == []
    assert index.count("d1") == 0
    index.remove_document("d1")


def test_a_search_without_terms_finds_nothing(index: ChunkIndex) -> None:
    index.add([entry("c1", "words")], generation=1)
    assert index.lexical(scope(), [], [], limit=5) == []


def test_a_code_counts_three_times_and_a_heading_twice(index: ChunkIndex) -> None:
    filler = [entry(f"f{n}", "nothing of interest here at all") for n in range(6)]
    index.add([entry("body", "warranty x y"), entry("head", "a b c", heading="warranty"), *filler], generation=1)
    assert found(index, scope(), "warranty") == ["head", "body"]
    index.add([entry("code", "certified to GB/T 19001-2016 here"), entry("word", "warranty gb t words")], generation=1)
    assert found(index, scope(), "warranty GB/T 19001")[0] == "code"


def test_the_other_supplier_and_the_other_project_are_never_seen(index: ChunkIndex) -> None:
    text, at = "bid bond of the bank", vector(1.0)
    index.add(
        [
            entry("own", text, vector=at),
            entry("rival", text, supplier_id="s2", document_id="d2", vector=at),
            entry("tender", text, supplier_id=None, doc_type="tender", document_id="d3", vector=at),
            entry("elsewhere", text, project_id="p2", document_id="d4", vector=at),
        ],
        generation=1,
    )
    searches: list[Callable[[Scope], list[str]]] = [
        lambda s: found(index, s, "bid bond"),
        lambda s: near(index, s, at),
    ]
    for search in searches:
        assert search(scope()) == ["own"]
        assert search(scope(tender=True)) == ["own", "tender"]
        assert search(scope(supplier_id=None, tender=True)) == ["tender"]
        assert search(scope(supplier_id=None)) == ["tender"]
        assert search(scope(supplier_id="s2", tender=True)) == ["rival", "tender"]
        assert search(scope(tender=True, doc_types=("bid",))) == ["own"]
        assert search(scope(tender=True, document_ids=("d3", "d2"))) == ["tender"]


def test_a_scope_of_another_tenant_is_refused(index: ChunkIndex) -> None:
    searches: list[Callable[[], object]] = [
        lambda: index.lexical(scope(tenant_id=OTHER), ["bid"], [], limit=1),
        lambda: index.nearest(scope(tenant_id=OTHER), vector(1.0), limit=1),
    ]
    for search in searches:
        with pytest.raises(Permanent) as refused:
            search()
        assert refused.value.code == "RAG_CROSS_TENANT_HIT"


def test_two_tenants_with_the_same_ids_keep_their_own_entries(make_index: MakeIndex) -> None:
    mine, theirs = make_index(TENANT), make_index(OTHER)
    mine.add([entry("c1", "alpha", vector=vector(1.0))], generation=1)
    theirs.add([entry("c1", "beta", vector=vector(0.0, 1.0))], generation=1)
    assert found(mine, scope(), "alpha") == ["c1"]
    assert found(mine, scope(), "beta") == []
    assert found(theirs, scope(tenant_id=OTHER), "alpha") == []
    theirs.remove_document("d1")
    assert (mine.count("d1"), theirs.count("d1")) == (1, 0)
    assert near(mine, scope(), vector(1.0)) == ["c1"]
    assert near(theirs, scope(tenant_id=OTHER), vector(1.0)) == []


def test_the_same_entry_id_replaces_itself(index: ChunkIndex) -> None:
    index.add([entry("c1", "first wording", vector=vector(1.0))], generation=1)
    index.add([entry("c1", "second text", vector=vector(0.0, 1.0)), entry("c2", "x", vector=vector(0.9))], generation=1)
    assert found(index, scope(), "wording") == []
    assert found(index, scope(), "second") == ["c1"]
    assert near(index, scope(), vector(1.0)) == ["c2", "c1"]
    assert index.count("d1") == 2


def test_views_of_one_table_are_one_hit_with_the_best_rank(index: ChunkIndex) -> None:
    views = [entry(f"t1#r{n}-{n}", f"row {n} price", vector=vector(0.1 * n)) for n in range(1, 40)]
    index.add([*views, entry("c2", "row", vector=vector(0.0, 1.0))], generation=1)
    assert found(index, scope(), "row", limit=2) == ["c2", "t1"]
    assert found(index, scope(), "row 7", limit=2) == ["t1", "c2"]
    assert near(index, scope(), vector(1.0), limit=2) == ["t1", "c2"]
    assert index.count("d1") == 2


def test_equal_scores_are_ordered_by_chunk_id(index: ChunkIndex) -> None:
    ids = [f"c{n:02d}" for n in (7, 3, 9, 1, 5, 8, 2, 6, 4)]
    index.add([entry(key, "same words", vector=vector(1.0)) for key in ids], generation=1)
    assert found(index, scope(), "words", limit=4) == ["c01", "c02", "c03", "c04"]
    assert near(index, scope(), vector(1.0), limit=4) == ["c01", "c02", "c03", "c04"]


def test_a_vector_of_the_wrong_dimension_is_refused_and_nothing_is_written(index: ChunkIndex) -> None:
    for wrong in ([0.1] * 383, [0.0] * DIMENSION):
        with pytest.raises(Refused) as refused:
            index.add([entry("c1", "words", vector=wrong)], generation=1)
        assert refused.value.code == "INDEX_DIMENSION_MISMATCH"
        with pytest.raises(Refused):
            index.nearest(scope(), wrong, limit=1)
    assert found(index, scope(), "words") == []


def test_a_chunk_without_a_vector_is_still_found_by_its_words(index: ChunkIndex) -> None:
    index.add([entry("c1", "plain words"), entry("c2", "other", vector=vector(1.0))], generation=1)
    assert found(index, scope(), "plain") == ["c1"]
    assert near(index, scope(), vector(1.0)) == ["c2"]


def test_a_removed_document_is_gone_and_its_neighbour_stays(index: ChunkIndex) -> None:
    gone, stays = (
        entry("c1", "bank bond", vector=vector(1.0)),
        entry("c2", "bank", document_id="d2", vector=vector(1.0)),
    )
    index.add([gone, stays], generation=1)
    index.remove_document("d1")
    assert found(index, scope(), "bank bond") == ["c2"]
    assert near(index, scope(), vector(1.0)) == ["c2"]
    assert (index.count("d1"), index.count("d2")) == (0, 1)


def test_entries_are_listed_with_hash_and_vector_and_taken_out_one_by_one(index: ChunkIndex) -> None:
    assert (index.entries("d1"), index.document_ids()) == ({}, [])
    index.add(
        [
            entry("c1", "bank bond", vector=vector(1.0), content_hash="h1"),
            entry("t1", "table", content_hash="h2"),
            entry("t1#r1-2", "rows", vector=vector(0.5), content_hash="h2"),
            entry("c1b", "bank", document_id="d2", vector=vector(1.0)),
        ],
        generation=1,
    )
    kept = {"c1": KeptEntry("h1", True), "t1": KeptEntry("h2", False), "t1#r1-2": KeptEntry("h2", True)}
    assert index.entries("d1") == kept
    assert index.document_ids() == ["d1", "d2"]
    index.remove("d1", ["c1", "t1#r1-2", "c1b", "unknown"])
    assert index.entries("d1") == {"t1": KeptEntry("h2", False)}
    assert near(index, scope(), vector(1.0)) == ["c1b"]
    assert sorted(found(index, scope(), "bank rows table")) == ["c1b", "t1"]


def test_what_was_removed_can_be_added_again_at_once(index: ChunkIndex) -> None:
    again = [entry("c1", "bank bond", vector=vector(1.0)), entry("c2", "bank", vector=vector(0.5))]
    ways: list[Callable[[], None]] = [lambda: index.remove("d1", ["c1"]), lambda: index.remove_document("d1")]
    for take_out in ways:
        index.add(again, generation=1)
        take_out()
        index.add(again, generation=1)
        assert set(index.entries("d1")) == {"c1", "c2"}


def test_more_entries_than_a_page_are_all_listed(index: ChunkIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.adapters.opensearch.PAGE", 4)
    index.add([entry(f"c{n:02d}", "words", document_id=f"d{n % 6}") for n in range(30)], generation=1)
    assert index.document_ids() == [f"d{n}" for n in range(6)]
    assert [len(index.entries(f"d{n}")) for n in range(6)] == [5] * 6


def test_a_rare_supplier_gets_all_its_neighbours(index: ChunkIndex) -> None:
    crowd = [
        entry(f"x{n:03d}", "t", supplier_id="s2", document_id="d2", vector=vector(1.0, n / 300)) for n in range(300)
    ]
    rare = [entry(f"r{n}", "t", vector=vector(0.0, 1.0, n / 10)) for n in range(12)]
    index.add([*crowd, *rare], generation=1)
    assert len(near(index, scope(), vector(1.0), limit=12)) == 12


@pytest.mark.opensearch
def test_opensearch_refuses_unknown_fields_and_names_each_failed_item(
    opensearch_client: Any, opensearch_prefix: str
) -> None:
    index = OpenSearchIndex(opensearch_client, tenant_id=TENANT, profile_id="p-1", prefix=opensearch_prefix)
    broken = entry("c2", "words", page_from=2**40)
    with pytest.raises(Permanent) as partial:
        index.add([entry("c1", "words"), broken], generation=1)
    assert partial.value.code == "INDEX_WRITE_PARTIAL"
    assert partial.value.details["failed"] == partial.value.details["permanent"] == ["c2"]
    assert found(index, scope(), "words") == ["c1"]
    with pytest.raises(Exception, match="strict_dynamic_mapping_exception"):
        opensearch_client.index(index=f"{opensearch_prefix}-chunks-1-g1", body={"surprise": 1})


@pytest.mark.opensearch
def test_opensearch_keeps_the_newer_generation(opensearch_client: Any, opensearch_prefix: str) -> None:
    index = OpenSearchIndex(opensearch_client, tenant_id=TENANT, profile_id="p-1", prefix=opensearch_prefix)
    index.add([entry("c1", "newer")], generation=2)
    index.add([entry("c1", "older")], generation=1)
    assert found(index, scope(), "newer") == ["c1"]
    assert found(index, scope(), "older") == []


@pytest.mark.opensearch
def test_opensearch_that_does_not_answer_is_a_retryable_failure() -> None:
    from opensearchpy import OpenSearch

    client = OpenSearch("http://127.0.0.1:1", max_retries=0)
    index = OpenSearchIndex(client, tenant_id=TENANT, profile_id="p-1")
    with pytest.raises(Retryable) as failed:
        index.lexical(scope(), ["word"], [], limit=1)
    assert failed.value.code == "RAG_UPSTREAM_UNAVAILABLE"


@pytest.mark.parametrize("segment", ["", "a/b", "..", "a b", "租户", "a*", "a,b"])
def test_a_name_with_other_characters_is_refused(segment: str) -> None:
    with pytest.raises(Permanent):
        OpenSearchIndex(None, tenant_id=segment, profile_id="p-1")
