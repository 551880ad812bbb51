"""A document on its way in: real database and folder, the text parser without its child process, an index in memory."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from infra.local.postgres import Databases
from shared.adapters.filesystem import FilesystemObjects
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.text_parser import TextParser
from shared.domain.blocks import Page, ParsedRange
from shared.domain.documents import Document
from shared.domain.jobs import Job
from shared.domain.upload_rules import DeclaredFile
from shared.ports.objects import SignedRequest
from shared.ports.reading import Inspected
from shared.usecases.chunk_document import ChunkDocument, chunk_document
from shared.usecases.claim_job import ClaimJob, claim_job
from shared.usecases.extract_facts import ExtractFacts, extract_facts
from shared.usecases.finish_upload import FinishedUpload, FinishUpload, finish_upload
from shared.usecases.inspect_file import InspectFile, inspect_file
from shared.usecases.open_upload import OpenedUpload, OpenUpload, open_upload
from shared.usecases.parse_range import ParseRange, parse_range
from shared.usecases.route_pages import RoutedPages, RoutePages, route_pages
from tests.fakes.chunk_index import MemoryChunkIndex
from tests.records import clock, ids, make_records
from tests.rows import a_project

BID = """1 Form of Tender

Bidder: Northwind Archive Systems Ltd.

Delivery period: 60 calendar days from signature of the contract.

2 Price

Total bid price: USD 1,250,000.00

Warranty period: 36 months

3 Method

The shelving is assembled on site by our own staff. Each bay is levelled and tested before handover.
"""


class TextInspector:
    """Says that every file is plain text; the real inspector has its own contract suite."""

    def inspect(self, path: Path, filename: str, media_type: str | None) -> Inspected:
        return Inspected(media_type="text/plain", page_count=None)


class CountingParser(TextParser):
    """The text parser, which also counts what it was asked, and may be told to see scans."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.surveys = 0
        self.scans: set[int] = set()

    def survey(self, path: Path, media_type: str) -> list[Page]:
        self.surveys += 1
        pages = super().survey(path, media_type)
        return [replace(page, route="ocr") if page.number in self.scans else page for page in pages]

    def parse(self, path: Path, media_type: str, first: int, last: int) -> ParsedRange:
        self.calls.append((first, last))
        return super().parse(path, media_type, first, last)


class HashEmbedder:
    """Unit vectors that depend on the text only; they rank nothing sensibly and need no model."""

    profile_id = "hash-8"
    dimension = 8

    def __init__(self) -> None:
        self.texts: list[str] = []

    def passages(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts += texts
        return [self.query(text) for text in texts]

    def query(self, text: str) -> list[float]:
        return [1.0 + byte for byte in hashlib.sha256(text.encode()).digest()[:8]]


@dataclass
class Stand:
    """Everything the ingest steps need, for one tenant and one project."""

    databases: Databases
    records: PostgresRecords
    objects: FilesystemObjects
    index: MemoryChunkIndex
    project_id: str
    supplier_id: str
    parser: CountingParser = field(default_factory=CountingParser)
    embedder: HashEmbedder = field(default_factory=HashEmbedder)

    def again(self) -> PostgresRecords:
        """Records of the same tenant for another thread."""
        return make_records(self.databases, tenant=self.records.actor.tenant_id)

    def send(self, request: SignedRequest, body: bytes) -> str:
        """Follow a signed PUT as a client would."""
        url = urlsplit(request.url)
        grant = self.objects.verify("PUT", unquote(url.path.removeprefix("/objects/")), dict(parse_qsl(url.query)))
        with self.objects.receive(grant) as incoming:
            incoming.write(body)
            return incoming.finish()

    def open(self, *files: DeclaredFile, tender: bool = False) -> OpenedUpload:
        """Open an upload of the supplier, or of tender documents."""
        command = OpenUpload(
            project_id=self.project_id, supplier_id=None if tender else self.supplier_id, files=tuple(files)
        )
        return open_upload(command, records=self.records, objects=self.objects, ids=ids, clock=clock)

    def finish(self, upload_id: str, **command: object) -> FinishedUpload:
        """Complete an upload."""
        made = FinishUpload(upload_id=upload_id, **command)  # type: ignore[arg-type]
        return finish_upload(made, records=self.records, objects=self.objects, ids=ids, clock=clock)

    def uploaded(self, text: str = BID, *, tender: bool = False) -> Document:
        """A document that was uploaded and whose job is claimed: its state is `parsing`."""
        body = text.encode()
        opened = self.open(declared(body, doc_type="tender" if tender else "bid"), tender=tender)
        assert opened.links[0].put is not None
        self.send(opened.links[0].put, body)
        item = self.finish(opened.upload.upload_id).items[0]
        assert item.document_id and item.job_id and item.run_id
        claim_job(ClaimJob(job_id=item.job_id, run_id=item.run_id), records=self.records)
        return self.records.documents.get(item.document_id)

    def job(self, document: Document) -> Job:
        """The ingest job of the document."""
        return self.records.jobs.list(filters={"resource_id": document.document_id}, before=None, limit=1)[0]

    def inspected(self, document: Document) -> None:
        """Run InspectFile."""
        command = InspectFile(document_id=document.document_id)
        inspect_file(command, records=self.records, objects=self.objects, inspector=TextInspector(), clock=clock)

    def routed(self, document: Document) -> RoutedPages:
        """Run RoutePages."""
        return route_pages(
            RoutePages(document_id=document.document_id),
            records=self.records,
            objects=self.objects,
            parser_for=lambda media_type: self.parser,
            ids=ids,
        )

    def parsed(self, document: Document, plan: RoutedPages, *ranges: int) -> None:
        """Run ParseRange for the ranges, or all."""
        for range_no in ranges or plan.ranges:
            parse_range(
                ParseRange(document_id=document.document_id, parse_run_id=plan.parse_run_id, range_no=range_no),
                records=self.records,
                objects=self.objects,
                parser_for=lambda media_type: self.parser,
                clock=clock,
            )

    def chunked(self, document: Document) -> RoutedPages:
        """Run all steps up to ExtractFacts."""
        plan = self.routed(document)
        self.parsed(document, plan)
        ids_of = {"document_id": document.document_id, "parse_run_id": plan.parse_run_id}
        chunk_document(ChunkDocument(**ids_of), records=self.records)
        extract_facts(ExtractFacts(**ids_of), records=self.records, ids=ids)
        return plan


def declared(
    body: bytes, *, filename: str = "bid.txt", doc_type: str = "bid", role: str = "primary", **changed: object
) -> DeclaredFile:
    """What a client announces for these bytes."""
    values: dict[str, object] = {
        "filename": filename,
        "doc_type": doc_type,
        "role": role,
        "size_bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "media_type": "text/plain",
    }
    return DeclaredFile(**values | changed)  # type: ignore[arg-type]


def make_stand(databases: Databases, root: Path) -> Stand:
    """A fresh tenant with an open project and one supplier."""
    records = make_records(databases)
    supplier_id = ids.new("sup")
    records.session.execute(
        "insert into suppliers (supplier_id, code, name) values (%(id)s, %(id)s, 'Northwind')", id=supplier_id
    )
    objects = FilesystemObjects(root, base_url="http://localhost", key=b"k" * 32, clock=clock)
    index = MemoryChunkIndex(tenant_id=records.actor.tenant_id, dimension=8)
    return Stand(databases, records, objects, index, a_project(records), supplier_id)
