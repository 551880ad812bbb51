"""ParseRange: read one range of pages and save it whole; a finished range is not read again (spec W32, P77, P89)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.block_sequence import with_block_ids
from shared.domain.blocks import Block, Page
from shared.domain.errors import Permanent
from shared.domain.ingest_plan import INSPECTED, PARSED, check_blocks, check_complete_range
from shared.ports.objects import ObjectStore
from shared.ports.platform import Clock
from shared.ports.reading import DocumentParser
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseRange:
    """Which range of which parse run; ranges count from 0."""

    document_id: str
    parse_run_id: str
    range_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedPages:
    """How many pages the range has, and whether this call read them (False: it was done before)."""

    pages: int
    parsed: bool


def parse_range(
    command: ParseRange,
    *,
    records: Records,
    objects: ObjectStore,
    parser_for: Callable[[str], DocumentParser],
    clock: Clock,
) -> ParsedPages:
    """Save blocks, page marks and the manifest's part in one transaction.

    Raises Retryable DOC_PARSE_SCHEMA_INVALID for blocks outside the contract, Permanent DOC_PAGES_INCOMPLETE when
    the parser left pages out, and what the parser raises."""
    every = records.parse_runs.pages(command.parse_run_id)
    planned = [page for page in every if page.range_no == command.range_no]
    if not planned:
        raise Permanent("DOC_PAGES_INCOMPLETE", "the range has no pages", details={"range": command.range_no})
    if all(page.done for page in planned):
        return ParsedPages(pages=len(planned), parsed=False)
    pages = [planned_page.page for planned_page in planned]
    first, last = pages[0].number, pages[-1].number
    document = records.documents.get(command.document_id)
    parser = parser_for(document.media_type)
    started = clock.now()
    with objects.as_file(records.uploads.blob(document.sha256).object_key) as path:
        found = parser.parse(path, document.media_type, first, last)
    check_complete_range(found, pages)
    check_blocks(found.blocks, [one.page for one in every], first=first, last=last)
    blocks = with_block_ids(found.blocks, command.document_id)
    with records.transaction():
        now = clock.now()
        part = _part(command.range_no, pages, blocks, parser, started, now)
        saved = records.parse_runs.save_range(command.parse_run_id, command.range_no, blocks, part=part, at=now)
        _progress(records, command)
    return ParsedPages(pages=len(pages), parsed=saved)


def _part(
    range_no: int,
    pages: Sequence[Page],
    blocks: Sequence[Block],
    parser: DocumentParser,
    started: datetime,
    ended: datetime,
) -> dict[str, Any]:
    """The manifest's entry (P49): who read the range, how long it took, what came out."""
    flags = sorted({flag for block in blocks for flag in block.flags})
    milliseconds = int((ended - started).total_seconds() * 1000)
    attempt = {"adapter": parser.name, "version": parser.version, "duration_ms": milliseconds, "error": None}
    counts = {"blocks": len(blocks), "characters": sum(len(block.text) for block in blocks)}
    span = {"first": pages[0].number, "last": pages[-1].number, "routes": sorted({page.route for page in pages})}
    return {"range_no": range_no, **span, **counts, "flags": flags, "attempts": [attempt], "at": ended.isoformat()}


def _progress(records: Records, command: ParseRange) -> None:
    run = records.parse_runs.get(command.parse_run_id)
    share = run.pages_done / (run.pages_expected or 1)
    filters = {"type": "ingest_document", "resource_id": command.document_id}
    job = records.jobs.list(filters=filters, before=None, limit=1)[0]
    records.jobs.progress(job.job_id, done=INSPECTED + int((PARSED - INSPECTED) * share), step="ParseRange")
