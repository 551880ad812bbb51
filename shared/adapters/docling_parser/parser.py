"""DOCX on virtual pages through Docling's office back end, as a DocumentParser (spec P3, P55)."""

import zipfile
from dataclasses import replace
from pathlib import Path

from shared.adapters.docling_parser.hidden_runs import split_hidden
from shared.adapters.docling_parser.items import flow_items
from shared.domain.block_sequence import arrange
from shared.domain.blocks import Page, ParsedRange
from shared.domain.errors import Permanent
from shared.domain.flow import with_locators
from shared.domain.virtual_pages import Laid, lay_out

NAME, VERSION = "docling-office", "2.142.1"


class DoclingParser:
    """Reads DOCX files; keeps the last one laid out, because survey and parse of its ranges follow each other."""

    name = NAME
    version = VERSION

    def __init__(self) -> None:
        self._last: tuple[tuple[str, int, int], Laid] | None = None

    def survey(self, path: Path, media_type: str) -> list[Page]:
        """The virtual pages. Raises Permanent DOC_PARSE_OFFICE_CORRUPT or INPUT_EMPTY_FILE."""
        return list(self._laid(path).pages)

    def parse(self, path: Path, media_type: str, first: int, last: int) -> ParsedRange:
        """Blocks that begin on pages first..last; raises ValueError for a range outside the document."""
        laid = self._laid(path)
        if not 1 <= first <= last <= len(laid.pages):
            raise ValueError(f"pages {first}-{last} of a document of {len(laid.pages)}")
        blocks = [
            replace(b, parser=NAME, parser_version=VERSION) for b in arrange(laid.blocks) if first <= b.page <= last
        ]
        return ParsedRange(first, last, tuple(replace(b, seq=i) for i, b in enumerate(blocks)))

    def _laid(self, path: Path) -> Laid:
        status = path.stat()
        key = (str(path), status.st_size, status.st_mtime_ns)
        if self._last is None or self._last[0] != key:
            self._last = (key, _read(path))
        return self._last[1]


def _read(path: Path) -> Laid:
    from docling.backend.msword_backend import MsWordDocumentBackend  # import takes seconds: only where it is used
    from docling.datamodel.base_models import InputFormat
    from docling.datamodel.document import InputDocument

    try:
        source, hidden = split_hidden(path)
    except (zipfile.BadZipFile, KeyError, EOFError, ValueError) as error:
        raise Permanent("DOC_PARSE_OFFICE_CORRUPT") from error
    taken = InputDocument(
        path_or_stream=source, format=InputFormat.DOCX, backend=MsWordDocumentBackend, filename="document.docx"
    )
    if not taken.valid:
        raise Permanent("DOC_PARSE_OFFICE_CORRUPT")
    laid = lay_out(with_locators(flow_items(taken._backend.convert(), hidden)))
    if not any("hidden" not in block.flags and block.type != "furniture" for block in laid.blocks):
        raise Permanent("INPUT_EMPTY_FILE", "there is no text in the document")
    return laid
