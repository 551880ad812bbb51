"""Templates, aliases and physical indexes on the real server, and what refused items of a bulk mean (R52-R57)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from opensearchpy import OpenSearch
from opensearchpy.exceptions import RequestError

from shared.adapters.opensearch_bulk import raise_refused
from shared.adapters.opensearch_generations import OpenSearchGenerations
from shared.domain.errors import Permanent, Retryable
from tests.contract.index_samples import OTHER, TENANT, entry, scope, vector

pytestmark = pytest.mark.opensearch


class Place:
    """The generations of tenants under a prefix of the test."""

    def __init__(self, client: OpenSearch, prefix: str) -> None:
        self.client, self.prefix = client, prefix

    def of(self, tenant: str = TENANT, **options: Any) -> OpenSearchGenerations:
        return OpenSearchGenerations(
            self.client, tenant_id=tenant, profile_id=options.pop("profile_id", "p-1"), prefix=self.prefix, **options
        )

    def indexes(self) -> list[str]:
        return sorted(
            name.removeprefix(f"{self.prefix}-") for name in self.client.indices.get(index=f"{self.prefix}-*")
        )

    def aliases(self, generation: int) -> dict[str, Any]:
        name = f"{self.prefix}-chunks-1-g{generation}"
        found = self.client.indices.get_alias(index=name)[name]["aliases"]
        return {alias.removeprefix(f"{self.prefix}-"): about for alias, about in found.items()}


@pytest.fixture
def place(opensearch_client: OpenSearch, opensearch_prefix: str) -> Iterator[Place]:
    """Nothing of the prefix is there yet."""
    yield Place(opensearch_client, opensearch_prefix)


def test_an_index_of_the_name_is_strict_whoever_creates_it(place: Place) -> None:
    place.of(shards=2, replicas=1).open(1)
    made = place.client.indices.get(index=f"{place.prefix}-chunks-1-g1")[f"{place.prefix}-chunks-1-g1"]
    settings = made["settings"]["index"]
    assert (settings["number_of_shards"], settings["number_of_replicas"], settings["knn"]) == ("2", "1", "true")
    assert (made["mappings"]["dynamic"], made["mappings"]["_meta"]) == ("strict", {"mapping_version": "1"})
    by_hand = f"{place.prefix}-chunks-1-g9"
    with pytest.raises(RequestError, match="strict_dynamic_mapping_exception"):
        place.client.index(index=by_hand, body={"surprise": 1})
    assert place.client.indices.get(index=by_hand)[by_hand]["mappings"] == made["mappings"]


def test_each_tenant_has_an_alias_that_is_read_and_one_for_each_generation_filtered_and_routed(place: Place) -> None:
    place.of().open(1)
    place.of(OTHER).open(1)
    place.of().open(2)
    place.of().open(2)
    assert place.indexes() == ["chunks-1-g1", "chunks-1-g2"]
    own = {"filter": {"term": {"tenant_id": TENANT}}, "index_routing": TENANT, "search_routing": TENANT}
    first = place.aliases(1)
    assert first[f"tenant-{TENANT}"] == first[f"generation-{TENANT}-1"] == own
    assert set(first) == {f"tenant-{TENANT}", f"generation-{TENANT}-1", f"tenant-{OTHER}", f"generation-{OTHER}-1"}
    assert set(place.aliases(2)) == {f"generation-{TENANT}-2"}
    place.of().switch(2)
    place.of().switch(2)
    assert set(place.aliases(1)) == {f"generation-{TENANT}-1", f"tenant-{OTHER}", f"generation-{OTHER}-1"}
    assert set(place.aliases(2)) == {f"generation-{TENANT}-2", f"tenant-{TENANT}"}


def test_a_filter_of_the_alias_holds_where_the_body_would_forget_it(place: Place) -> None:
    for tenant in (TENANT, OTHER):
        place.of(tenant).at(1).add([entry(f"c-{tenant}", "words")], generation=1)
    everything = place.client.search(index=f"{place.prefix}-tenant-{TENANT}", body={"query": {"match_all": {}}})
    assert [hit["_source"]["tenant_id"] for hit in everything["hits"]["hits"]] == [TENANT]


def test_a_new_embedding_profile_is_a_new_field_of_the_index_that_others_made(place: Place) -> None:
    place.of(OTHER).open(2)
    newer = place.of(profile_id="p-2")
    newer.open(2)
    newer.at(2).add([entry("c1", "words", vector=vector(1.0))], generation=2)
    hits = newer.at(2).nearest(scope(), vector(1.0), limit=3)
    assert [hit.chunk_id for hit in hits] == ["c1"]
    assert place.of().at(2).entries("d1")["c1"].has_vector is False, "the other profile's field is empty"


def test_an_index_goes_with_its_last_tenant_and_not_before(place: Place) -> None:
    for tenant in (TENANT, OTHER):
        place.of(tenant).at(1).add([entry("c1", "words")], generation=1)
    place.of().at(2).add([entry("c1", "words")], generation=2)
    place.of().switch(2)
    place.of().drop(1)
    assert place.indexes() == ["chunks-1-g1", "chunks-1-g2"]
    assert place.of(OTHER).at(1).count("d1") == 1 and place.of().at(1).count("d1") == 0
    assert place.client.count(index=f"{place.prefix}-chunks-1-g1")["count"] == 1, "and no entry is left behind"
    place.of(OTHER).drop(1)
    assert place.indexes() == ["chunks-1-g1", "chunks-1-g2"], "searches still read it"
    place.of(OTHER).open(2)
    place.of(OTHER).switch(2)
    place.of(OTHER).drop(1)
    assert place.indexes() == ["chunks-1-g2"]
    place.of(OTHER).drop(1)
    place.of("ten_c").at(1).add([entry("c1", "again")], generation=1)
    assert place.of("ten_c").searched().count("d1") == 1, "a new tenant begins where the others began"


def test_entries_of_an_index_without_its_aliases_are_not_deleted_with_it(place: Place) -> None:
    place.of().at(1).add([entry("c1", "words")], generation=1)
    name = f"{place.prefix}-chunks-1-g1"
    place.client.indices.delete_alias(index=name, name=f"{place.prefix}-*")
    place.of(OTHER).drop(1)
    assert place.indexes() == ["chunks-1-g1"]
    place.of().at(1).add([entry("c2", "words")], generation=1)
    assert place.of().at(1).count("d1") == 2, "and it takes writes again"


def test_a_lost_alias_does_not_become_an_index_with_a_guessed_mapping(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = place.of().at(1)
    index.add([entry("c1", "words")], generation=1)
    lost = f"{place.prefix}-generation-{TENANT}-1"
    monkeypatch.setattr(index._aliases, "ready", lambda generation: None)  # it was there when the writer looked
    place.client.indices.delete_alias(index=f"{place.prefix}-chunks-1-g1", name=lost)
    with pytest.raises(Retryable) as refused:
        index.add([entry("c2", "words")], generation=1)
    assert refused.value.code == "INDEX_WRITE_PARTIAL"
    assert place.indexes() == ["chunks-1-g1"]
    monkeypatch.undo()
    index.add([entry("c2", "words")], generation=1)
    assert index.count("d1") == 2


def test_a_mixture_of_refusals_names_each_and_says_which_no_repeat_helps(place: Place) -> None:
    index = place.of().at(1)
    good, broken = entry("good", "words"), entry("broken", "words", page_from=2**40)
    with pytest.raises(Permanent) as refused:
        index.add([good, broken], generation=1)
    assert refused.value.details["failed"] == refused.value.details["permanent"] == ["broken"]
    assert index.count("d1") == 1
    place.client.indices.put_settings(index=f"{place.prefix}-chunks-1-g1", body={"index.blocks.write": True})
    with pytest.raises(Retryable) as closed:
        index.add([good, entry("more", "words")], generation=1)
    assert closed.value.code in ("INDEX_WRITE_PARTIAL", "RAG_UPSTREAM_UNAVAILABLE")
    with pytest.raises(Retryable):
        index.remove("d1", ["good"])
    place.client.indices.put_settings(index=f"{place.prefix}-chunks-1-g1", body={"index.blocks.write": None})
    index.add([good, entry("more", "words")], generation=1)
    index.remove("d1", ["good"])
    assert set(index.entries("d1")) == {"more"}


def test_an_entry_that_became_newer_meanwhile_is_neither_replaced_nor_deleted(place: Place) -> None:
    index = place.of().at(1)
    index.add([entry("c1", "words")], generation=1)
    newer = place.client.get(index=f"{place.prefix}-generation-{TENANT}-1", id=f"{TENANT}/c1")["_source"]
    params = {"version": "7", "version_type": "external_gte", "refresh": "true"}
    place.client.index(
        index=f"{place.prefix}-generation-{TENANT}-1",
        id=f"{TENANT}/c1",
        body=newer | {"content_hash": "n"},
        params=params,
    )
    index.add([replace(entry("c1", "words"), content_hash="older")], generation=1)
    index.remove("d1", ["c1"])
    assert index.entries("d1")["c1"].content_hash == "n"


@pytest.mark.parametrize(
    ("results", "kind"),
    [
        ([(201, None), (429, "rejected_execution_exception")], Retryable),
        ([(503, "unavailable_shards_exception"), (409, "version_conflict_engine_exception")], Retryable),
        ([(403, "cluster_block_exception"), (404, "index_not_found_exception")], Retryable),
        ([(429, "rejected_execution_exception"), (400, "mapper_parsing_exception")], Permanent),
        ([(403, "security_exception"), (200, None)], Permanent),
    ],
)
def test_items_without_time_or_room_may_come_again_and_the_others_not(
    results: list[tuple[int, str | None]], kind: type[Exception]
) -> None:
    answers = [{"status": s} | ({} if t is None else {"error": {"type": t}}) for s, t in results]
    with pytest.raises(kind) as refused:
        raise_refused(["a", "b"], answers)
    failed = [key for key, (status, _) in zip("ab", results, strict=True) if status not in (200, 201, 409)]
    assert refused.value.details["failed"] == failed  # type: ignore[attr-defined]


def test_newer_and_accepted_items_are_no_failure() -> None:
    conflict = {"status": 409, "error": {"type": "version_conflict_engine_exception"}}
    raise_refused(["a", "b", "c"], [{"status": 200}, {"status": 201}, conflict])


class Noted(OpenSearch):  # type: ignore[misc]  # the library is untyped
    """A client that notes what it asks for."""

    def __init__(self, url: str, asked: list[str]) -> None:
        super().__init__(url, timeout=60)
        perform = self.transport.perform_request

        def noted(method: str, url: str, *rest: Any, **options: Any) -> Any:
            asked.append(f"{method} {url}")
            return perform(method, url, *rest, **options)

        self.transport.perform_request = noted


def test_what_searches_only_searches_and_who_indexes_makes_no_index(place: Place, opensearch_url: str) -> None:
    """What the rights of opensearch_access.py are for; nothing is asked of the indexes of others."""
    place.of(OTHER).open(1)  # as the first tenant of a stage, or its deployment, did
    asked: list[str] = []
    client = Noted(opensearch_url, asked)
    tools = OpenSearchGenerations(client, tenant_id=TENANT, profile_id="p-1", prefix=place.prefix)

    def calls(*actions: Any) -> set[str]:
        asked.clear()
        for action in actions:
            action()
        return {call.replace(place.prefix, "bidproof").replace(TENANT, "T") for call in asked}

    index = tools.searched()
    first = calls(lambda: index.add([entry("c1", "words", vector=vector(1.0))], generation=1))
    assert first == {
        "HEAD /bidproof-chunks-*/_alias/bidproof-generation-T-1", "HEAD /bidproof-chunks-*/_alias/bidproof-tenant-T",
        "POST /_aliases", "POST /bidproof-generation-T-1/_bulk",
    }  # fmt: skip
    writes = calls(
        lambda: index.add([entry("c1", "words", vector=vector(1.0))], generation=1),
        lambda: index.count("d1"),
        lambda: index.remove_document("d1"),
    )
    assert writes == {
        "HEAD /bidproof-chunks-*/_alias/bidproof-generation-T-1", "POST /bidproof-generation-T-1/_bulk", "POST /_bulk",
        "POST /bidproof-tenant-T/_search", "POST /bidproof-generation-T-*/_search",
    }  # fmt: skip
    reads = calls(
        lambda: index.lexical(scope(), ["word"], [], limit=3),
        lambda: index.nearest(scope(), vector(1.0), limit=3),
        lambda: index.count("d1"),
        lambda: index.entries("d1"),
        index.document_ids,
    )
    assert reads == {"POST /bidproof-tenant-T/_search"}
    rebuild = calls(lambda: tools.open(2), lambda: tools.switch(2), lambda: tools.drop(1))
    assert rebuild == {
        "PUT /_index_template/bidproof-chunks-1", "HEAD /bidproof-chunks-*/_alias/bidproof-generation-T-2",
        "HEAD /bidproof-chunks-*/_alias/bidproof-tenant-T", "POST /_aliases", "PUT /bidproof-chunks-1-g2",
        "PUT /bidproof-generation-T-2/_mapping", "GET /bidproof-chunks-*/_alias/bidproof-generation-T-2",
        "GET /bidproof-chunks-*/_alias/bidproof-tenant-T", "GET /bidproof-chunks-*/_alias/bidproof-generation-T-1",
        "POST /bidproof-generation-T-1/_delete_by_query",
        "GET /bidproof-chunks-*-g1/_alias", "GET /bidproof-chunks-1-g1/_alias",
    }  # fmt: skip
    client.close()
