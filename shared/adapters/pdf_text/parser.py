"""The text route of PDF files as a DocumentParser (spec 03 sections 3 and 4)."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shared.adapters.pdf_documents import opened_pdf
from shared.adapters.pdf_text.page import PageContent, page_blocks, read_page
from shared.adapters.pdf_text.profile import Profile, make_profile, outline_key, sample_numbers
from shared.adapters.pdf_text.survey import survey_page
from shared.domain.block_sequence import arrange
from shared.domain.blocks import Page, ParsedRange
from shared.domain.errors import Permanent

NAME, VERSION = "pdf-text", "1"


@dataclass(slots=True)
class _Known:
    """What was read of the last file, because survey and one range after the other follow. Nothing here
    changes a result, it only saves reading a page twice."""

    key: tuple[str, int, int]
    routes: dict[int, str] = field(default_factory=dict)
    sample: dict[int, PageContent] = field(default_factory=dict)


class PdfTextParser:
    """Reads digital PDF pages; pages that need OCR are refused, never guessed."""

    name = NAME
    version = VERSION

    def __init__(self) -> None:
        self._known = _Known(("", 0, 0))

    def survey(self, path: Path, media_type: str) -> list[Page]:
        """Every page with its route. Raises Permanent DOC_PARSE_ENCRYPTED or DOC_PARSE_PDF_CORRUPT."""
        known = self._of(path)
        with opened_pdf(path) as document:
            pages = [survey_page(document, number) for number in range(1, len(document) + 1)]
        known.routes.update({page.number: page.route for page in pages})
        return pages

    def parse(self, path: Path, media_type: str, first: int, last: int) -> ParsedRange:
        """Blocks of pages first..last. Raises Permanent INPUT_UNSUPPORTED_FORMAT naming the pages of the range
        that are scans, ValueError for a range outside the document."""
        known = self._of(path)
        with opened_pdf(path) as document:
            if not 1 <= first <= last <= len(document):
                raise ValueError(f"pages {first}-{last} of a document of {len(document)}")
            _refuse_scans(document, known, first, last)
            contents = {n: known.sample.get(n) or read_page(document, n) for n in range(first, last + 1)}
            profile = _profile(document, known, contents)
        blocks = [
            replace(block, parser=NAME, parser_version=VERSION)
            for number in range(first, last + 1)
            for block in page_blocks(contents[number], profile)
        ]
        return ParsedRange(first, last, tuple(arrange(blocks)))

    def _of(self, path: Path) -> _Known:
        status = path.stat()
        key = (str(path), status.st_size, status.st_mtime_ns)
        if self._known.key != key:
            self._known = _Known(key)
        return self._known


def _refuse_scans(document: Any, known: _Known, first: int, last: int) -> None:
    for number in range(first, last + 1):
        if number not in known.routes:
            known.routes[number] = survey_page(document, number).route
    pages = [n for n in range(first, last + 1) if known.routes[n] == "ocr"]
    if not pages:
        return
    names = ", ".join(map(str, pages))
    what = f"page {names} is a scan" if len(pages) == 1 else f"pages {names} are scans"
    raise Permanent("INPUT_UNSUPPORTED_FORMAT", f"{what}; OCR is not built yet", details={"pages": pages})


def _profile(document: Any, known: _Known, contents: dict[int, PageContent]) -> Profile:
    """The same typical sizes for every range: measured on fixed sample pages; running lines also on the
    pages of the range itself."""
    numbers = sample_numbers(len(document))
    known.sample.update({n: contents.get(n) or read_page(document, n) for n in numbers if n not in known.sample})
    pages = {n: known.sample[n] for n in numbers}
    nearby = {**contents, **pages}
    return make_profile(
        [(c.size[1], c.lines) for _, c in sorted(pages.items())],
        _outline(document),
        [(c.size[1], c.lines) for _, c in sorted(nearby.items())],
    )


def _outline(document: Any) -> dict[tuple[int, str], int]:
    """Pages and titles of the bookmarks with levels from 1."""
    found: dict[tuple[int, str], int] = {}
    for mark in document.get_toc(max_depth=6):
        title, place = outline_key(mark.get_title() or ""), mark.get_dest()
        index = place.get_index() if place is not None else None
        if title and index is not None:
            found.setdefault((index + 1, title), mark.level + 1)
    return found
