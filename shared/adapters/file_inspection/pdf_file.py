"""PDF files: encrypted, corrupt, repaired, too many pages (spec P20, P21, P26, P36)."""

import re
from pathlib import Path

import pypdfium2
from pypdfium2 import raw

from shared.adapters.pdf_documents import opened_pdf
from shared.domain.errors import Permanent

MOST_PAGES = 2000  # P79
_START = re.compile(rb"startxref\s+(\d+)\s+%%EOF")
_OBJECT = re.compile(rb"\d+\s+\d+\s+obj\b")
_EDGE = 1 << 16


def check_pdf(path: Path, tail: bytes) -> tuple[int, tuple[str, ...]]:
    """The page count and the flag `repaired` for a damaged file of which nothing is lost. Raises Permanent
    DOC_PARSE_ENCRYPTED, DOC_PARSE_PDF_CORRUPT, INPUT_EMPTY_FILE or DOC_PAGE_LIMIT_EXCEEDED."""
    with opened_pdf(path) as document:
        count = len(document)
        if count == 0:
            raise Permanent("INPUT_EMPTY_FILE", "the PDF has no pages")
        if count > MOST_PAGES:
            details = {"limit": MOST_PAGES, "measured": count}
            raise Permanent("DOC_PAGE_LIMIT_EXCEEDED", f"{count} pages; split the document", details=details)
        is_damaged = not _is_intact(path, tail)
        if is_damaged and _breaks_off(path):
            raise Permanent("DOC_PARSE_PDF_CORRUPT", "the file is cut off")
        _walk(document, count, is_damaged=is_damaged)
    return count, ("repaired",) if is_damaged else ()


def _is_intact(path: Path, tail: bytes) -> bool:
    """Whether the file ends with a pointer that leads to a cross-reference table or stream."""
    pointers = _START.findall(tail)
    if not pointers:
        return False
    with path.open("rb") as file:
        offset = int(pointers[-1])
        start = file.read(1024).find(b"%PDF-")
        for base in (0, max(start, 0)):
            file.seek(offset + base)
            place = file.read(64).lstrip()
            if place.startswith(b"xref") or _OBJECT.match(place):
                return True
    return False


def _walk(document: pypdfium2.PdfDocument, count: int, *, is_damaged: bool) -> None:
    """Reach every page. In a damaged file a page without anything on it cannot be told from a lost one: it is
    corrupt, never blank."""
    for index in range(count):
        try:
            document.get_page_size(index)
            if is_damaged:
                page = document[index]
                is_void = raw.FPDFPage_CountObjects(page.raw) <= 0
                page.close()
                if is_void:
                    raise Permanent("DOC_PARSE_PDF_CORRUPT", f"page {index + 1} is lost", details={"page": index + 1})
        except pypdfium2.PdfiumError as error:
            details = {"page": index + 1}
            raise Permanent("DOC_PARSE_PDF_CORRUPT", f"page {index + 1} cannot be read", details=details) from error


def _breaks_off(path: Path) -> bool:
    """Whether the last object of the file has no end: what stood in it is lost."""
    size = path.stat().st_size
    with path.open("rb") as file:
        position, rest = size, b""
        while position > 0:
            start = max(0, position - _EDGE)
            file.seek(start)
            rest = file.read(position - start) + rest[:32]
            last = max(rest.rfind(b"endobj"), rest.rfind(b"trailer"), rest.rfind(b"startxref"))
            begins = [m.start() for m in _OBJECT.finditer(rest)]
            if begins or last >= 0:
                return bool(begins) and begins[-1] > last
            position = start
    return True
