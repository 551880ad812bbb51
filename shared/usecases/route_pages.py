"""RoutePages: measure every page, decide how it is read, and plan the ranges (spec W30, P37-P43, P86)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.domain.blocks import Page
from shared.domain.chunking import VERSION as CHUNKER_VERSION
from shared.domain.documents import Document, ParseRun
from shared.domain.errors import Permanent
from shared.domain.ingest_plan import check_pages, config_hash, range_of, unreadable
from shared.ports.document_records import PlannedPage
from shared.ports.objects import ObjectStore
from shared.ports.platform import Ids
from shared.ports.reading import DocumentParser
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePages:
    """Which document."""

    document_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedPages:
    """The parse run and the numbers of its ranges; a Map parses them."""

    parse_run_id: str
    ranges: tuple[int, ...]
    pages: int


def route_pages(
    command: RoutePages,
    *,
    records: Records,
    objects: ObjectStore,
    parser_for: Callable[[str], DocumentParser],
    ids: Ids,
) -> RoutedPages:
    """Open the parse run, or go on with the one that a killed attempt left running (P89).

    Raises Permanent INPUT_EMPTY_FILE, DOC_PAGE_LIMIT_EXCEEDED, INPUT_UNSUPPORTED_FORMAT naming scanned pages, and
    what the parser raises."""
    document = records.documents.get(command.document_id)
    parser = parser_for(document.media_type)
    config = config_hash(media_type=document.media_type, parser=parser.name, parser_version=parser.version)
    running = _running(records, document, config)
    if running is not None:
        return _plan(running, [planned.page for planned in records.parse_runs.pages(running.parse_run_id)])
    with objects.as_file(records.uploads.blob(document.sha256).object_key) as path:
        pages = parser.survey(path, document.media_type)
    check_pages(pages)
    scans = unreadable(pages)
    with records.transaction():
        document = records.documents.get(command.document_id, lock=True)
        run = _running(records, document, config) or _opened(records, document, parser, config, pages, ids)
        if document.parse_run_id is None and document.page_count != len(pages):  # else that of the run in use stays
            records.documents.describe(document, media_type=document.media_type, page_count=len(pages))
    if scans:
        raise Permanent(
            "INPUT_UNSUPPORTED_FORMAT", "pages are scans; OCR is not built yet", details={"pages": scans[:100]}
        )
    return _plan(run, pages)


def _running(records: Records, document: Document, config: str) -> ParseRun | None:
    runs = records.parse_runs.of_document(document.document_id, config)
    return next((run for run in runs if run.status == "running"), None)


def _opened(
    records: Records, document: Document, parser: DocumentParser, config: str, pages: Sequence[Page], ids: Ids
) -> ParseRun:
    """A run for pages that cannot be read is kept as failed, so that the measured values stay visible (P43)."""
    scans = set(unreadable(pages))
    earlier = records.parse_runs.of_document(document.document_id, config)
    run = ParseRun(
        parse_run_id=ids.new("prs"),
        document_id=document.document_id,
        attempt=earlier[0].attempt + 1 if earlier else 1,
        router_version=f"{parser.name} {parser.version}",
        chunker_version=CHUNKER_VERSION,
        config_hash=config,
        status="failed" if scans else "running",
        manifest={
            "schema_version": 1,
            "input_sha256": document.sha256,
            "size_bytes": document.size_bytes,
            "ranges": [],
        },
        pages_expected=len(pages),
        error_code="INPUT_UNSUPPORTED_FORMAT" if scans else None,
    )
    planned = [PlannedPage(page, range_of(page.number), readable=page.number not in scans) for page in pages]
    records.parse_runs.open(run, planned)
    return run


def _plan(run: ParseRun, pages: Sequence[Page]) -> RoutedPages:
    ranges = tuple(sorted({range_of(page.number) for page in pages}))
    return RoutedPages(parse_run_id=run.parse_run_id, ranges=ranges, pages=len(pages))
