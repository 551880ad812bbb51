"""An index in memory with a few texts, and a search over it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.chunks import Chunk
from shared.domain.errors import Retryable
from shared.domain.index_entries import index_entry
from shared.domain.retrieval import RankedId, Scope
from shared.domain.search_request import SearchQuery, SearchResult
from shared.usecases.search import search
from tests.fakes.chunk_index import MemoryChunkIndex
from tests.fakes.word_embedder import DIMENSION, WordEmbedder


@dataclass
class Document:
    """A document of the scope."""

    document_id: str = "d1"
    status: str = "indexed"
    pages: int | None = 3
    incomplete_pages: tuple[int, ...] = ()


class Texts:
    """The database of chunks."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.chunks = {chunk.chunk_id: chunk for chunk in chunks}

    def texts(self, chunk_ids: Sequence[str]) -> list[Chunk]:
        """Those that are there."""
        return [self.chunks[key] for key in chunk_ids if key in self.chunks]


class Ticking:
    """A clock that moves on at every look."""

    def __init__(self, step_ms: int = 1) -> None:
        self.at, self.step = datetime(2026, 1, 1, tzinfo=UTC), timedelta(milliseconds=step_ms)

    def now(self) -> datetime:
        """The next moment."""
        self.at += self.step
        return self.at


class Broken(MemoryChunkIndex):
    """An index whose named branches are out."""

    out: tuple[str, ...] = ()
    code = "RAG_UPSTREAM_UNAVAILABLE"

    def lexical(self, scope: Scope, terms: Sequence[str], codes: Sequence[str], *, limit: int) -> list[RankedId]:
        """Fails when out."""
        if "lexical" in self.out:
            raise Retryable(self.code)
        return super().lexical(scope, terms, codes, limit=limit)

    def nearest(self, scope: Scope, vector: Sequence[float], *, limit: int) -> list[RankedId]:
        """Fails when out."""
        if "vector" in self.out:
            raise Retryable(self.code)
        return super().nearest(scope, vector, limit=limit)


class Leaking(MemoryChunkIndex):
    """An index that forgets its filter."""

    def lexical(self, scope: Scope, terms: Sequence[str], codes: Sequence[str], *, limit: int) -> list[RankedId]:
        """With a chunk of somebody else in front."""
        return [RankedId("stolen", "d-foreign", 1, 9.0), *super().lexical(scope, terms, codes, limit=limit)]


TEXTS = {
    "c1": "We deliver within 30 days after the order.",
    "c2": "We deliver within 45 days after the order.",
    "c3": "Delivery of the goods takes 60 calendar days.",
    "c4": "The warranty period is 36 months.",
    "c5": "土建工程分包给本地公司。",
    "c6": "Payment terms: 30 % in advance.",
}


def chunk(chunk_id: str, text: str, **changes: Any) -> Chunk:
    """A chunk of supplier s1."""
    plain = Chunk(
        chunk_id=chunk_id, document_id="d1", parse_run_id="r1", ordinal=0, chunk_type="text", text=text,
        content_hash=f"h-{text}", heading_path=("Offer", chunk_id), block_ids=(), token_count=10, overlap_chars=0,
        language="en", quality=1.0, parser="p", parser_version="1", chunker_version="1", positions=(),
        project_id="p1", supplier_id="s1",
    )  # fmt: skip
    return replace(plain, **changes)


class Bench:
    """An index with the texts, and a search over it."""

    def __init__(self, kind: type[MemoryChunkIndex] = MemoryChunkIndex) -> None:
        self.index, self.embedder, self.clock = kind(tenant_id="t", dimension=DIMENSION), WordEmbedder(), Ticking()
        self.chunks = [chunk(key, text) for key, text in TEXTS.items()]
        self.add(*self.chunks)
        self.texts = Texts(self.chunks)

    def add(self, *chunks: Chunk) -> None:
        """Index chunks."""
        vectors = self.embedder.passages([c.text for c in chunks])
        self.index.add([index_entry(c, vector=v) for c, v in zip(chunks, vectors, strict=True)], generation=1)

    def ask(self, text: str, **changes: Any) -> SearchResult:
        """Search as an evaluation of supplier s1."""
        query = SearchQuery(
            scope=Scope(tenant_id="t", project_id="p1", supplier_id="s1"),
            text=text,
            search_log_id="slg_1",
            documents=[Document()],
            purpose="evaluate",
        )
        return search(
            replace(query, **changes), index=self.index, embedder=self.embedder, chunks=self.texts, clock=self.clock
        )


def found(result: SearchResult) -> list[str]:
    """The chunks found, best first."""
    return [item.chunk.chunk_id for item in result.items]


def marks(result: SearchResult) -> dict[str, tuple[str, ...]]:
    """The constraint matches of each chunk."""
    return {item.chunk.chunk_id: item.matches for item in result.items}
