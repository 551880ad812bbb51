"""A reindex under running searches: nothing fails, is missing or mixed, on both real indexes (spec R57)."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.domain.documents import Document
from shared.domain.errors import Refused
from shared.domain.sweeps import Swept
from tests.contract.reindex_stand import (
    TEXTS,
    Engine,
    Killed,
    Tenant,
    Watched,
    embedded_engine,
    everything,
    opensearch_engine,
    planted,
    searching,
)
from tests.evaluation_seed import Seed
from tests.records import make_records


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


@pytest.fixture(params=["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """The real index of any tenant."""
    if request.param == "embedded":
        return embedded_engine(tmp_path)
    return opensearch_engine(request.getfixturevalue("opensearch_client"), request.getfixturevalue("opensearch_prefix"))


@pytest.fixture
def tenant(databases: Databases, engine: Engine) -> Iterator[tuple[Tenant, Seed]]:
    """Three documents of six chunks; what was begun in the module before is over, a sweep sees all tenants."""
    records = make_records(databases)
    seed = Seed(records, [], url=databases.app_url)
    made = Tenant(databases, engine, records)
    for n in range(3):
        made.add(seed, [f"{text} {n}" for text in TEXTS])
    yield made, seed
    change = "update index_generations set state = 'retired', kept_until = null, dropped_at = clock_timestamp()"
    records.session.execute(f"{change} where state <> 'active'")


def test_searches_during_a_reindex_never_fail_miss_or_mix(tenant: tuple[Tenant, Seed]) -> None:
    made, seed = tenant
    known = set(everything(made, seed)[0])
    made.of(1).add([planted(made, "old")], generation=1)
    during: list[Document] = []

    def watch(name: str, *args: Any) -> None:
        if name == "open done":
            during.append(made.add(seed, ["Later\nA note that came during the reindex."]))
        if name == "switch":
            made.of(2).add([planted(made, "new")], generation=2)

    with searching(made, seed) as answers:
        generations = Watched(made.engine.generations_of(made.again()), watch)
        done = made.reindex("begin", generations=generations)
        assert (done.repaired, done.error_code) == (1, None)
    assert made.states() == {1: "kept", 2: "active"}
    for lexical, near in answers:
        for found in (lexical, near):
            assert known <= {*found}, "complete"
            assert len({*found} & {"old", "new"}) == 1 and len({*found}) == len(found), "of one generation"
    for branch in (0, 1):
        assert "old" in answers[0][branch] and "new" in answers[-1][branch]
    late = during[0].document_id
    assert made.of(2).entries(late) == made.of(1).entries(late) != {}
    after = made.add(seed, ["Last\nA note that came after the switch."]).document_id
    assert made.of(2).entries(after) == made.of(1).entries(after) != {}, "the kept one stays complete for a way back"


def test_a_reindex_that_was_killed_goes_on_after_the_last_document_that_was_committed(
    tenant: tuple[Tenant, Seed],
) -> None:
    made, _ = tenant
    calls: list[tuple[str, Any]] = []

    def kill_at(place: str, count: int) -> Callable[..., None]:
        def watch(name: str, *args: Any) -> None:
            calls.append((name, args))
            if [called for called, _ in calls].count(place) == count:
                raise Killed

        return watch

    def run(watch: Callable[..., None], action: str = "") -> Swept:
        calls.clear()
        return made.reindex(action, generations=Watched(made.engine.generations_of(made.again()), watch))

    with pytest.raises(Killed):
        run(kill_at("index.add done", 2), "begin")  # written, not yet committed
    assert made.states() == {1: "active", 2: "building"}
    with pytest.raises(Killed):
        run(kill_at("switch done", 1))  # searched already, not yet told by the row
    written = [args[0] for name, args in calls if name == "index.add" and args[0]]
    assert [entries[0].document_id for entries in written] == [made.documents[2].document_id], (
        "neither of the first two"
    )
    assert made.states() == {1: "active", 2: "building"}
    assert run(lambda name, *args: None).repaired == 1
    assert made.states() == {1: "kept", 2: "active"}
    assert made.kept(2) == made.kept(1)
    assert all(len(entries) == len(TEXTS) for entries in made.kept(2).values())


def test_two_processes_that_build_at_once_build_one_generation(tenant: tuple[Tenant, Seed]) -> None:
    made, _ = tenant
    met, done = threading.Barrier(2, timeout=60), list[Swept]()

    def watch(name: str, *args: Any) -> None:
        if name == "open done":
            met.wait()

    def build() -> None:
        done.append(made.reindex(generations=Watched(made.engine.generations_of(made.again()), watch)))

    made.reindex("begin", time_left=lambda: 6.0)
    other = threading.Thread(target=build)
    other.start()
    build()
    other.join()
    assert [(one.repaired, one.error_code) for one in done] == [(1, None)] * 2
    assert made.states() == {1: "kept", 2: "active"}
    assert made.kept(2) == made.kept(1)


def test_what_differs_or_is_gone_is_put_right_before_the_switch(tenant: tuple[Tenant, Seed]) -> None:
    made, _ = tenant
    made.reindex("begin", time_left=lambda: 6.0)  # begun, and no time for more
    assert made.states() == {1: "active", 2: "building"}
    wrong, gone = planted(made, "stranger"), made.documents.pop()
    right = next(iter(made.of(1).entries(made.documents[0].document_id)))
    made.of(2).add([wrong, replace(wrong, entry_id=right, chunk_id=right, content_hash="other")], generation=2)
    made.of(2).add([replace(wrong, document_id="doc_unknown", entry_id="u", chunk_id="u")], generation=2)
    made.of(2).add([replace(wrong, document_id=gone.document_id, entry_id="g", chunk_id="g")], generation=2)
    change = "update documents set status = 'deleted', deleted_at = clock_timestamp() where document_id = %(id)s"
    made.records.session.execute(change, id=gone.document_id)
    assert made.reindex().repaired == 1
    assert made.kept(2) == made.kept(1)
    assert made.of(2).document_ids() == sorted(d.document_id for d in made.documents)


def test_the_way_back_is_the_reverse_switch_and_misses_nothing(tenant: tuple[Tenant, Seed]) -> None:
    made, seed = tenant
    assert made.reindex("begin").repaired == 1
    late = made.add(seed, ["Late\nThe bay of oak came later."])
    made.of(1).remove(late.document_id, list(made.of(1).entries(late.document_id)))  # as if a write had been lost
    with searching(made, seed) as answers:
        assert made.reindex("back").repaired == 1
    assert made.states() == {1: "active", 2: "kept"}
    assert {len(found) for both in answers for found in both} == {19}
    assert made.kept(1) == made.kept(2)


def test_after_seven_days_the_old_generation_is_dropped_and_nothing_else(
    tenant: tuple[Tenant, Seed], databases: Databases, engine: Engine
) -> None:
    made, seed = tenant
    other = Tenant(databases, engine, make_records(databases))
    other.add(Seed(other.records, [], url=databases.app_url), TEXTS)
    made.reindex("begin")
    before = everything(made, seed)
    assert made.reindex().found == 0, "nothing to do for a week"
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, false)", (made.tenant_id,))
        left = "select kept_until - clock_timestamp() from index_generations where index_generation = 1"
        assert 6.9 < connection.execute(left).fetchone()[0].total_seconds() / 86_400 <= 7  # type: ignore[index]
        change = "update index_generations set kept_until = clock_timestamp() where index_generation = 1"
        connection.execute(change)
    assert made.reindex().repaired == 1
    assert made.states() == {1: "retired", 2: "active"}
    assert made.of(1).document_ids() == []
    assert everything(made, seed) == before
    assert other.kept(1)[other.documents[0].document_id].keys() != set(), "tenants share indexes, not entries"
    assert made.reindex().found == 0
    made.engine.generations_of(made.records).drop(1)  # repeated it changes nothing
    assert everything(made, seed) == before


def test_a_generation_that_finds_less_is_not_searched_and_can_be_given_up(tenant: tuple[Tenant, Seed]) -> None:
    made, seed = tenant

    class Blind(Watched):
        def __getattr__(self, name: str) -> Any:
            if name == "at":
                return lambda number: Blind(self._made.at(number), self._before, f"{number}")
            if self._name == "2" and name in ("lexical", "nearest"):
                return lambda *args, **options: []
            return getattr(self._made, name)

    blind = Blind(made.engine.generations_of(made.again()), lambda *args: None)
    done = made.reindex("begin", generations=blind)
    assert (done.repaired, done.error_code) == (0, "CHUNKS_INCOMPLETE")
    assert made.states() == {1: "active", 2: "building"}
    with pytest.raises(Refused):
        made.reindex("back")
    assert made.reindex("abandon").repaired == 1
    assert made.states() == {1: "active", 2: "retired"}
    assert made.of(2).document_ids() == []
    assert len(everything(made, seed)[0]) == 18
    with pytest.raises(Refused):
        made.reindex("abandon")


def test_a_removal_reaches_every_generation(tenant: tuple[Tenant, Seed]) -> None:
    made, _ = tenant
    made.reindex("begin")
    first, second = (document.document_id for document in made.documents[:2])
    one = next(iter(made.index().entries(second)))
    made.index().remove_document(first)
    made.index().remove(second, [one])
    for number in (1, 2):
        assert made.of(number).entries(first) == {}
        assert one not in made.of(number).entries(second) and made.of(number).count(second) == len(TEXTS) - 1
