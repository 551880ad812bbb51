"""A tenant whose index is built anew, clients that search meanwhile, and a look at each call of the generations."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from opensearchpy import OpenSearch

from infra.local.postgres import Databases
from shared.adapters.embedded_generations import EmbeddedGenerations
from shared.adapters.embedded_index import EmbeddedIndex
from shared.adapters.opensearch_generations import OpenSearchGenerations
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.documents import Document
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


def embedded_engine(folder: Path) -> Engine:
    """The index of one machine, in this folder."""

    def searched(records: PostgresRecords) -> ChunkIndex:
        number, tenant = records.chunks.generations.searched(), records.actor.tenant_id
        return EmbeddedIndex(folder, records.session, tenant_id=tenant, profile_id=PROFILE, generation=number)

    def embedded(records: PostgresRecords) -> IndexGenerations:
        return EmbeddedGenerations(folder, records.session, tenant_id=records.actor.tenant_id, profile_id=PROFILE)

    return Engine(embedded, searched)


def opensearch_engine(client: OpenSearch, prefix: str) -> Engine:
    """A real OpenSearch, its indexes under this prefix."""

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
