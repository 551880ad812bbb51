"""Uploads, documents, parse results and facts of one tenant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.domain.blocks import Block, Page
from shared.domain.chunks import Chunk
from shared.domain.documents import Document, ParseRun, UploadFile, UploadSession
from shared.domain.facts import Fact
from shared.ports.index_records import GenerationRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Stored bytes that documents of the tenant share (D15); `verified` once inspect_file has read them."""

    sha256: str
    object_key: str
    size_bytes: int
    media_type: str
    object_version: str | None = None
    verified: bool = False


@dataclass(frozen=True, slots=True)
class UploadedDocument:
    """What became of an upload file: its document and the ingest job and run that were accepted for it."""

    file_id: str
    document_id: str
    job_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class PlannedPage:
    """A page of a parse run, the range that reads it, and whether that is done."""

    page: Page
    range_no: int
    done: bool = False
    readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentCoverage:
    """What a search over the scope can and cannot see of a document; `pages` is None before it was surveyed.

    A file that was refused when its archive was unpacked has the archive's id and the status `refused`."""

    document_id: str
    filename: str
    doc_type: str
    supplier_id: str | None
    status: str
    parse_run_id: str | None
    pages: int | None
    incomplete_pages: tuple[int, ...]
    chunks: int


class Uploads(Protocol):
    """Upload sessions, their files and the stored bytes."""

    def lock_project(self, project_id: str, *, now: datetime) -> int:
        """Number of open, unexpired sessions of the project; the next opener waits until this transaction ends."""
        ...

    def add(self, upload: UploadSession, files: Sequence[UploadFile]) -> None:
        """Insert the session and its files."""
        ...

    def get(self, upload_id: str, *, lock: bool = False) -> UploadSession:
        """The session; raises Refused UPLOAD_SESSION_NOT_FOUND."""
        ...

    def files(self, upload_id: str) -> list[UploadFile]:
        """The files in the order announced."""
        ...

    def documents(self, upload_id: str) -> list[UploadedDocument]:
        """The files that became documents, with the first job of each."""
        ...

    def end(self, upload: UploadSession, to: str, *, at: datetime) -> UploadSession:
        """Move the session to completed, aborted or expired (D109); raises WF_STATE_TRANSITION_INVALID."""
        ...

    def change_file(self, file_id: str, **changes: Any) -> None:
        """Set object_key, multipart_id, parts or document_id of a file."""
        ...

    def keep_blob(self, blob: Blob) -> Blob:
        """Insert the bytes once per tenant and return the row that counts."""
        ...

    def blob(self, sha256: str) -> Blob:
        """The stored bytes; raises Permanent DOC_STORAGE_MISSING."""
        ...

    def verify_blob(self, sha256: str, *, media_type: str, at: datetime) -> None:
        """Note that the stored bytes were read and have this hash and type."""
        ...


class Documents(Protocol):
    """Documents; their state changes through Moves only. Deleted ones are never returned."""

    def add(self, document: Document) -> Document:
        """Insert the row and return it as stored."""
        ...

    def get(self, document_id: str, *, lock: bool = False) -> Document:
        """The document; raises Refused DOC_NOT_FOUND."""
        ...

    def by_project(self, project_id: str, *, supplier_id: str | None = None, tender: bool = True) -> list[Document]:
        """Oldest first: the supplier's documents (none without one) and, with `tender`, those of no supplier."""
        ...

    def describe(self, document: Document, *, media_type: str, page_count: int | None) -> Document:
        """Store what inspection or survey found; raises Refused VERSION_CONFLICT."""
        ...

    def coverage(
        self,
        project_id: str,
        *,
        supplier_id: str | None,
        tender: bool,
        doc_types: Sequence[str] = (),
        document_ids: Sequence[str] = (),
    ) -> list[DocumentCoverage]:
        """Every document of a search scope with its state (R50, R51); empty sequences mean all."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Document]:
        """Newest first, ids below `before`; filters by project_id, supplier_id, doc_type, status, upload_id,
        parent_id."""
        ...


class ParseRuns(Protocol):
    """Parse runs with their pages and blocks."""

    def open(self, run: ParseRun, pages: Sequence[PlannedPage]) -> None:
        """Insert the run and its page plan."""
        ...

    def get(self, parse_run_id: str, *, lock: bool = False) -> ParseRun:
        """The run; raises Permanent DOC_PAGES_INCOMPLETE when it is gone."""
        ...

    def of_document(self, document_id: str, config_hash: str) -> list[ParseRun]:
        """Runs of this configuration, newest attempt first."""
        ...

    def pages(
        self, parse_run_id: str, *, range_no: int | None = None, first: int | None = None, last: int | None = None
    ) -> list[PlannedPage]:
        """Pages in order, of one range or from page `first` to `last` when named."""
        ...

    def save_range(
        self, parse_run_id: str, range_no: int, blocks: Sequence[Block], *, part: Mapping[str, Any], at: datetime
    ) -> bool:
        """In one transaction: blocks, page marks, counters and the manifest's part. False: it was done before."""
        ...

    def blocks(self, parse_run_id: str, *, page: int | None = None, type: str | None = None) -> list[Block]:
        """Blocks in reading order over the whole document, or those of one page or type."""
        ...

    def change(self, parse_run_id: str, **changes: Any) -> None:
        """Set chunk_count, status, error_code, ended_at or manifest."""
        ...


class IndexWrites(Protocol):
    """Which chunks the search index has acknowledged, and the vectors that need not be computed again."""

    def generation(self, profile_id: str) -> int:
        """The tenant's active index generation, made on first use; raises Permanent INDEX_DIMENSION_MISMATCH when
        it was made with another embedding profile."""
        ...

    def plan(self, parse_run_id: str, document_id: str, *, generation: int) -> None:
        """One pending row per chunk of the run; rows that exist stay as they are."""
        ...

    def open(self, parse_run_id: str, *, generation: int) -> list[str]:
        """Ids of chunks that are pending or failed, in reading order."""
        ...

    def mark(
        self,
        parse_run_id: str,
        chunk_ids: Sequence[str],
        status: str,
        *,
        generation: int,
        error_code: str | None = None,
    ) -> None:
        """Set the rows to acked or failed; a failed row is the repair task (D53)."""
        ...

    def acked(self, parse_run_id: str, *, generation: int) -> int:
        """How many chunks of the run are acknowledged."""
        ...

    def cached_vectors(self, profile_id: str, hashes: Sequence[str]) -> dict[str, list[float]]:
        """Vectors by hash of the embedded text, as far as they are known."""
        ...

    def cache_vectors(self, profile_id: str, vectors: Mapping[str, Sequence[float]]) -> None:
        """Keep vectors by hash of the embedded text."""
        ...


class Chunks(Protocol):
    """Chunks with their positions; rows are keyed by parse run and never change."""

    @property
    def writes(self) -> IndexWrites:
        """What of the chunks the index has."""
        ...

    @property
    def generations(self) -> GenerationRows:
        """The tenant's indexes: the searched one, one being built, one kept."""
        ...

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Insert chunks and positions; those that exist stay."""
        ...

    def count(self, parse_run_id: str) -> int:
        """How many chunks the run has."""
        ...

    def of_run(self, parse_run_id: str, chunk_ids: Sequence[str] | None = None) -> list[Chunk]:
        """The run's chunks in reading order, all or the ones named."""
        ...

    def get(self, chunk_id: str, *, parse_run_id: str | None = None) -> Chunk:
        """The chunk of that run, else of its document's current run; raises Refused CHUNK_NOT_FOUND."""
        ...

    def texts(self, chunk_ids: Sequence[str]) -> list[Chunk]:
        """Chunks of the current runs of live documents, in the order asked for; unknown ids are left out."""
        ...

    def on_page(self, document_id: str, *, page: int | None = None, chunk_type: str | None = None) -> list[Chunk]:
        """Chunks of the document's current run, all or those with a position on the page."""
        ...


class Facts(Protocol):
    """Typed values read from documents; append-only."""

    def add(self, facts: Sequence[Fact]) -> None:
        """Insert the facts."""
        ...

    def count(self, parse_run_id: str) -> int:
        """How many facts the run has."""
        ...

    def of_project(self, project_id: str, *, supplier_id: str | None = None, field: str | None = None) -> list[Fact]:
        """All facts of current parse runs, by supplier, field and place; one supplier's or field's if named."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Fact]:
        """Facts of current parse runs, newest first; filters by project_id, supplier_id, field, state, document_id."""
        ...
