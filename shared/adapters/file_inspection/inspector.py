"""The checks of spec 03 section 2 in their order; the first hit ends with its code."""

import os
from pathlib import Path

from shared.adapters.file_inspection.office_container import check_office, entry_names
from shared.adapters.file_inspection.pdf_file import check_pdf
from shared.adapters.file_inspection.text_file import check_text
from shared.adapters.file_inspection.zip_archives import check_archive
from shared.domain.errors import Permanent
from shared.domain.file_types import DOCX, PDF, ZIP, check_declared, check_filename, sniff, type_of_name
from shared.ports.reading import Inspected

_EDGE = 8192  # bytes looked at on each end of a file
LARGEST_FILE = 1 << 30  # P80


class FileInspection:
    """The FileInspector that works where it is called; parser_process.ProcessInspector runs it in a child."""

    def inspect(self, path: Path, filename: str, media_type: str | None) -> Inspected:
        """See `inspect`."""
        return inspect(path, filename, media_type)


def inspect(path: Path, filename: str, media_type: str | None) -> Inspected:
    """Empty, size, name, type, mismatch, encrypted, corrupt, bombs, page count, encoding, in this order.

    Raises Refused INPUT_FILENAME_UNSAFE; Permanent INPUT_EMPTY_FILE, UPLOAD_FILE_SIZE_LIMIT_EXCEEDED,
    INPUT_UNSUPPORTED_FORMAT, INPUT_TYPE_MISMATCH, DOC_PARSE_ENCRYPTED, DOC_PARSE_PDF_CORRUPT,
    DOC_PARSE_OFFICE_CORRUPT, DOC_EXPANSION_LIMIT_EXCEEDED, INPUT_ARCHIVE_UNSAFE, DOC_PAGE_LIMIT_EXCEEDED or
    TEXT_ENCODING_UNSUPPORTED."""
    size = path.stat().st_size
    if size == 0:
        raise Permanent("INPUT_EMPTY_FILE")
    if size > LARGEST_FILE:
        details = {"limit_bytes": LARGEST_FILE, "measured_bytes": size}
        raise Permanent("UPLOAD_FILE_SIZE_LIMIT_EXCEEDED", details=details)
    check_filename(filename)
    head, tail = _ends(path, size)
    names = entry_names(path, head)
    if names is None and head.startswith(b"PK") and DOCX in (type_of_name(filename), media_type):
        raise Permanent("DOC_PARSE_OFFICE_CORRUPT", "the container's directory cannot be read")
    found = check_declared(sniff(head, tail, names), filename, media_type)
    if found == PDF:
        pages, flags = check_pdf(path, tail)
        return Inspected(found, pages, flags)
    if found == DOCX:
        check_office(path)
        return Inspected(found, None)
    if found == ZIP:
        check_archive(path)
        return Inspected(found, None)
    check_text(path, found)
    return Inspected(found, None)


def _ends(path: Path, size: int) -> tuple[bytes, bytes]:
    with path.open("rb") as file:
        head = file.read(_EDGE)
        file.seek(max(size - _EDGE, 0), os.SEEK_SET)
        return head, file.read(_EDGE)
