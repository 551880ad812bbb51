"""A reindex under running searches: nothing fails, is missing or mixed, on both real indexes (spec R57)."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.embedded_generations import EmbeddedGenerations
from shared.adapters.embedded_index import EmbeddedIndex
from shared.adapters.opensearch_generations import OpenSearchGenerations
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.documents import Document
from shared.domain.errors import Refused
from shared.domain.index_entries import embedded_text, index_entry
from shared.domain.retrieval import IndexEntry, Scope
from shared.domain.sweeps import Swept
from shared.ports.reading import ChunkIndex, IndexGenerations
from shared.usecases.reindex_tenants import ReindexTenants, reindex_tenants
from tests.evaluation_seed import Seed
from tests.records import make_records
from tests.sweeping import sweep

PROFILE, DIMENSION = "p-1", 384
TEXTS = tuple(f"Section {n}\nThe bay of type n{n}x holds {n + 7} shelves of oak." for n in range(6))


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


class Embedder:
    """One direction per text, in the dimension of the real profile."""

    profile_id, dimension = PROFILE, DIMENSION

    def passages(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.query(text) for text in texts]

    def query(self, text: str) -> list[float]:
        return [1.0 + (ord(text[n % len(text)]) % 13) for n in range(DIMENSION)]


@dataclass
class Engine:
    """One of the two real indexes."""

    generations_of: Callable[[PostgresRecords], IndexGenerations]
    index_of: Callable[[PostgresRecords], ChunkIndex]  # as wiring makes it for each call


@pytest.fixture(params=["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """The real index of any tenant."""
    if request.param == "embedded":

        def searched(records: PostgresRecords) -> ChunkIndex:
            number, tenant = records.chunks.generations.searched(), records.actor.tenant_id
            return EmbeddedIndex(tmp_path, records.session, tenant_id=tenant, profile_id=PROFILE, generation=number)

        def embedded(records: PostgresRecords) -> IndexGenerations:
            return EmbeddedGenerations(tmp_path, records.session, tenant_id=records.actor.tenant_id, profile_id=PROFILE)

        return Engine(embedded, searched)
    client, prefix = request.getfixturevalue("opensearch_client"), request.getfixturevalue("opensearch_prefix")

    def generations(records: PostgresRecords) -> OpenSearchGenerations:
        tenant = records.actor.tenant_id
        return OpenSearchGenerations(client, tenant_id=tenant, profile_id=PROFILE, prefix=prefix)

    return Engine(generations, lambda records: generations(records).searched())


@dataclass
class At:
    """The TenantGenerations of a test."""

    records: PostgresRecords
    index: ChunkIndex
    embedder: Embedder
    generations: IndexGenerations


@dataclass
class Tenant:
    """A tenant with indexed documents and a searched generation."""

    databases: Databases
    engine: Engine
    records: PostgresRecords
    documents: list[Document] = field(default_factory=list)

    @property
    def tenant_id(self) -> str:
        return self.records.actor.tenant_id

    def again(self) -> PostgresRecords:
        return make_records(self.databases, self.tenant_id)

    def index(self) -> ChunkIndex:
        return self.engine.index_of(self.again())

    def of(self, number: int) -> ChunkIndex:
        return self.engine.generations_of(self.again()).at(number)

    def add(self, seed: Seed, texts: Sequence[str]) -> Document:
        """A document whose chunks the searched generation has acknowledged."""
        document = seed.document(texts)
        run_id = document.parse_run_id or ""
        chunks = self.records.chunks.of_run(run_id)
        entries = [
            index_entry(chunk, vector=Embedder().query(embedded_text(chunk.heading_path, chunk.text)))
            for chunk in chunks
        ]
        writes = self.records.chunks.writes
        writes.generation(PROFILE)
        with self.records.transaction():
            for number in self.records.chunks.generations.written():
                self.index().add(entries, generation=number)
                writes.mark(run_id, [chunk.chunk_id for chunk in chunks], "acked", generation=number)
        self.documents.append(document)
        return document

    def reindex(self, action: str = "", **given: Any) -> Swept:
        """One call of the function; with an action an operator's."""
        command = ReindexTenants(tenant_id=self.tenant_id, action=action) if action else ReindexTenants()  # type: ignore[arg-type]
        generations = given.pop("generations", None)

        def at(tenant_id: str) -> At:
            records = make_records(self.databases, tenant_id)
            made = self.engine.generations_of(records)
            return At(records, self.engine.index_of(records), Embedder(), generations or made)

        return sweep(self.databases, reindex_tenants, command, generations_of=at, **given)["index_generations"]

    def states(self) -> dict[int, str]:
        rows = self.records.session.rows("select index_generation as n, state from index_generations order by 1")
        return {row["n"]: row["state"] for row in rows}

    def kept(self, number: int) -> dict[str, dict[str, Any]]:
        return {d.document_id: dict(self.of(number).entries(d.document_id)) for d in self.documents}


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


class Killed(BaseException):
    """The end of the process: no handler of ours runs, the transaction is rolled back."""


class Watched:
    """Generations of which `before` sees each call: its name and its arguments."""

    def __init__(self, made: Any, before: Callable[..., None], name: str = "") -> None:
        self._made, self._before, self._name = made, before, name

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._made, name)

        def watched(*args: Any, **options: Any) -> Any:
            self._before(f"{self._name}{name}", *args)
            done = call(*args, **options)
            self._before(f"{self._name}{name} done", *args)
            return Watched(done, self._before, "index.") if name == "at" else done

        return watched if callable(call) else call


def everything(tenant: Tenant, seed: Seed) -> tuple[list[str], list[str]]:
    """All chunks of the tender by a word that each of them has, and by a vector."""
    scope = Scope(tenant_id=tenant.tenant_id, project_id=seed.project.project_id, tender=True)
    index = tenant.index()
    lexical = [hit.chunk_id for hit in index.lexical(scope, ["bay"], [], limit=100)]
    return lexical, [hit.chunk_id for hit in index.nearest(scope, Embedder().query("bay"), limit=100)]


def planted(tenant: Tenant, name: str) -> IndexEntry:
    """An entry that no row knows: it tells the generation that holds it."""
    run_id = tenant.documents[0].parse_run_id or ""
    chunk = tenant.records.chunks.of_run(run_id)[0]
    return replace(index_entry(chunk, vector=Embedder().query("bay")), entry_id=name, chunk_id=name)


@contextmanager
def searching(tenant: Tenant, seed: Seed) -> Iterator[list[tuple[list[str], list[str]]]]:
    """Two clients that search until the block ends; what each search answered."""
    answers: list[tuple[list[str], list[str]]] = []
    problems: list[BaseException] = []
    stop = threading.Event()

    def client() -> None:
        try:
            while not stop.is_set():
                answers.append(everything(tenant, seed))
        except BaseException as error:
            problems.append(error)
            raise

    clients = [threading.Thread(target=client) for _ in range(2)]
    for each in clients:
        each.start()
    try:
        yield answers
        seen = len(answers)
        while len(answers) < seen + 4 and not problems:  # some after the last step, too
            stop.wait(0.005)
    finally:
        stop.set()
        for each in clients:
            each.join()
    assert problems == []


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
