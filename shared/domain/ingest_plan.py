"""How a document is read: page ranges, what cannot be read yet, progress, and the contract of a parser's blocks."""

from collections.abc import Sequence
from typing import Any

from shared.domain.blocks import Block, Box, Page, ParsedRange
from shared.domain.canonical_json import digest
from shared.domain.chunking import VERSION as CHUNKER_VERSION
from shared.domain.errors import Permanent, Retryable
from shared.domain.tokens import VERSION as TOKEN_VERSION

RANGE_PAGES = 50
PAGE_LIMIT = 2000
# Weights of W128, as points of 100 reached after the step: inspect 5, parse 50, chunk 10, facts 5, index 25, finish 5.
INSPECTED, PARSED, CHUNKED, WITH_FACTS, INDEXED = 5, 55, 65, 70, 95
# Boxes are read from a file's own numbers; glyphs of edge letters stick out of the page a little.
EDGE = 3.0
MAX_ROUNDS = 20


def config_hash(*, media_type: str, parser: str, parser_version: str) -> str:
    """What decides how a document is parsed; another value makes another parse run (P74)."""
    versions = {"chunker": CHUNKER_VERSION, "tokens": TOKEN_VERSION, "range_pages": RANGE_PAGES}
    return digest({"media_type": media_type, "parser": [parser, parser_version], **versions})


def range_of(page_number: int) -> int:
    """The range that reads a page; ranges count from 0 and hold 50 pages of the text route (P86)."""
    return (page_number - 1) // RANGE_PAGES


def check_pages(pages: Sequence[Page]) -> None:
    """Raise Permanent INPUT_EMPTY_FILE for no page, DOC_PAGE_LIMIT_EXCEEDED above 2,000 (P13, P26)."""
    if not pages:
        raise Permanent("INPUT_EMPTY_FILE", "the document has no page")
    if len(pages) > PAGE_LIMIT:
        raise Permanent("DOC_PAGE_LIMIT_EXCEEDED", details={"pages": len(pages), "limit": PAGE_LIMIT})


def unreadable(pages: Sequence[Page]) -> list[int]:
    """Page numbers that only OCR could read; the product has none yet, so the document is refused, not guessed."""
    return [page.number for page in pages if page.route == "ocr"]


def check_blocks(blocks: Sequence[Block], pages: Sequence[Page], *, first: int, last: int) -> None:
    """Raise Retryable DOC_PARSE_SCHEMA_INVALID for blocks that do not begin on first..last, with boxes outside their
    pages or spans outside their text (P30, P31, P56). `pages` are all pages of the document, because on virtual
    pages a block may run on. Hidden text may stand outside the page; that is one way to hide it (P45)."""
    sizes = {page.number: Box(0, 0, page.width, page.height) for page in pages}
    for block in blocks:
        if not first <= block.page <= last:
            raise _broken(block, "a block is outside the range")
        places: list[tuple[int, Box]] = [(block.page, block.box), *((line.page, line.box) for line in block.lines)]
        spans = [(line.start, line.end) for line in block.lines] + [(cell.start, cell.end) for cell in block.cells]
        is_hidden = "hidden" in block.flags
        if any(page not in sizes or not _fits(box, sizes[page], is_hidden) for page, box in places):
            raise _broken(block, "a box is outside its page")
        if any(not 0 <= start <= end <= len(block.text) for start, end in spans):
            raise _broken(block, "a span is outside its text")


def check_complete_range(found: ParsedRange, planned: Sequence[Page]) -> None:
    """Raise Permanent DOC_PAGES_INCOMPLETE naming the pages of the range that the parser did not read (P75).

    A page is read when the range covers it; a page of paper on which the survey saw text must also have a block,
    whereas virtual pages are a count of lines, and a long block may cover several."""
    with_blocks = {block.page for block in found.blocks}
    missing = [
        page.number
        for page in planned
        if not found.first <= page.number <= found.last
        or (page.kind == "physical" and page.route == "text" and page.number not in with_blocks)
    ]
    if missing:
        details = {"missing": missing[:100], "pages": len(planned) - len(missing), "expected": len(planned)}
        raise Permanent("DOC_PAGES_INCOMPLETE", "the parser did not read every page", details=details)


def _fits(box: Box, page: Box, is_hidden: bool) -> bool:
    is_box = round(box.x0, 2) < round(box.x1, 2) and round(box.y0, 2) < round(box.y1, 2)
    inside = box.x0 >= -EDGE and box.y0 >= -EDGE and box.x1 <= page.x1 + EDGE and box.y1 <= page.y1 + EDGE
    return is_box and (inside or is_hidden)


def _broken(block: Block, what: str) -> Retryable:
    details: dict[str, Any] = {"page": block.page, "seq": block.seq, "type": block.type, "parser": block.parser}
    return Retryable("DOC_PARSE_SCHEMA_INVALID", what, details=details)


def main_language(blocks: Sequence[Block]) -> str:
    """The language of most characters: zh, en, mixed or other."""
    counts: dict[str, int] = {}
    for block in blocks:
        counts[block.lang] = counts.get(block.lang, 0) + len(block.text)
    return max(sorted(counts), key=lambda lang: counts[lang]) if counts else "other"
