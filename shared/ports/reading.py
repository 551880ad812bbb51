"""Parsers, embedders and the search index."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shared.domain.archives import ArchiveEntry
from shared.domain.blocks import Page, ParsedRange
from shared.domain.retrieval import IndexEntry, KeptEntry, RankedId, Scope


class DocumentParser(Protocol):
    """Reads one family of media types. Failures are Permanent or Retryable with a code of 03 section 2."""

    name: str
    version: str

    def survey(self, path: Path, media_type: str) -> list[Page]:
        """Every page with size, kind, route and measured values, in order."""
        ...

    def parse(self, path: Path, media_type: str, first: int, last: int) -> ParsedRange:
        """The blocks of pages first..last (inclusive, counted from 1), `seq` counting from 0 in the range."""
        ...


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a file is: media type to read it as, pages (None when only parsing can tell), and flags such as
    `repaired`."""

    media_type: str
    page_count: int | None
    flags: tuple[str, ...] = ()


class FileInspector(Protocol):
    """Refuses files that cannot be read, before any work is spent on them (spec 03 section 2)."""

    def inspect(self, path: Path, filename: str, media_type: str | None) -> Inspected:
        """Check name, size, type and container in that order; the first hit raises Refused or Permanent with its
        code. `media_type` is the declared one."""
        ...


class OpenArchive(Protocol):
    """An archive whose files have all been looked at."""

    @property
    def entries(self) -> Sequence[ArchiveEntry]:
        """Every file, in order, with what is to become of it."""
        ...

    def extracted(self, entry: ArchiveEntry) -> AbstractContextManager[Path]:
        """The file of an entry in a temporary folder, deleted when the context closes; raises as `opened`."""
        ...


class ArchiveReader(Protocol):
    """Opens archives of files, and the archives in them (P7, P81)."""

    def opened(self, path: Path) -> AbstractContextManager[OpenArchive]:
        """Read the whole archive; what is wrong with it as a whole raises Permanent INPUT_ARCHIVE_UNSAFE,
        DOC_EXPANSION_LIMIT_EXCEEDED or DOC_PARSE_OFFICE_CORRUPT, and no acceptable file in it INPUT_EMPTY_FILE or
        the first file's code."""
        ...


class Embedder(Protocol):
    """Turns text into unit vectors; they rank and never decide (R80)."""

    profile_id: str
    dimension: int

    def passages(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of `dimension` floats per text."""
        ...

    def query(self, text: str) -> list[float]:
        """The vector to search with."""
        ...


class IndexGenerations(Protocol):
    """The tenant's indexes beside each other: one is searched while another is built (R57)."""

    def open(self, generation: int) -> None:
        """Make what the generation needs to be written and read; repeated it changes nothing."""
        ...

    def at(self, generation: int) -> "ChunkIndex":
        """The one generation, to read and write and remove in it alone."""
        ...

    def switch(self, generation: int) -> None:
        """From now on every search reads this generation; none fails, and none reads two."""
        ...

    def drop(self, generation: int) -> None:
        """Forget the generation with all its entries; repeated it changes nothing."""
        ...


class ChunkIndex(Protocol):
    """Ranked recall under the mandatory filter of the scope; truth stays in the database.

    The tenant of the index is fixed when it is made; a scope or entry of another tenant raises
    Permanent RAG_CROSS_TENANT_HIT."""

    def add(self, entries: Sequence[IndexEntry], *, generation: int) -> None:
        """Write entries so that a search sees them; any refused one raises Retryable INDEX_WRITE_PARTIAL
        with `details.failed` listing entry ids. The same entry id replaces itself."""
        ...

    def remove_document(self, document_id: str) -> None:
        """Forget all entries of a document."""
        ...

    def lexical(self, scope: Scope, terms: Sequence[str], codes: Sequence[str], *, limit: int) -> list[RankedId]:
        """BM25 over codes x3, headings x2, text x1, one rank per chunk (the best of its entries), ties by
        chunk_id."""
        ...

    def nearest(self, scope: Scope, vector: Sequence[float], *, limit: int) -> list[RankedId]:
        """Cosine neighbours, best first, ties by chunk_id; raises Refused INDEX_DIMENSION_MISMATCH."""
        ...

    def count(self, document_id: str) -> int:
        """How many chunks of the document can be found (views of one chunk count once)."""
        ...

    def entries(self, document_id: str) -> Mapping[str, KeptEntry]:
        """Every entry of the document by its id, views of tables too."""
        ...

    def remove(self, document_id: str, entry_ids: Sequence[str]) -> None:
        """Forget these entries of a document, and what a torn write left of them; the others stay."""
        ...

    def document_ids(self) -> Sequence[str]:
        """The documents of the tenant that have entries, in order."""
        ...
