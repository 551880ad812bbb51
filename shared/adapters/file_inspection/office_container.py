"""Office containers: broken, unsafe or a bomb, found without expanding more than the limits (spec P22, P25, P27)."""

import re
import zipfile
from pathlib import Path

from shared.adapters.file_inspection.zip_container import is_encrypted, is_special, open_container, paths_of
from shared.domain.archives import beyond, check_count, check_paths, check_ratio, check_total
from shared.domain.errors import Permanent

MOST_PART = 512 << 20  # P83, one XML part
_PIECE = 1 << 20
_ENTITY = re.compile(rb"<!(?:DOCTYPE|ENTITY)")


def entry_names(path: Path, head: bytes) -> list[str] | None:
    """The names in a zip container; None when it is none or its directory cannot be read."""
    if not head.startswith(b"PK"):
        return None
    try:
        with open_container(path) as container:
            return container.namelist()
    except Permanent as error:
        if error.code != "DOC_PARSE_OFFICE_CORRUPT":
            raise
        return None


def check_office(path: Path) -> None:
    """Raise Permanent DOC_PARSE_OFFICE_CORRUPT, INPUT_ARCHIVE_UNSAFE, DOC_PARSE_ENCRYPTED or
    DOC_EXPANSION_LIMIT_EXCEEDED for a DOCX that cannot or must not be read."""
    with open_container(path) as container:
        entries = container.infolist()
        _check_entries(entries)
        total = 0
        for entry in entries:
            total += _expand(container, entry, total)
        if "word/document.xml" not in container.namelist():
            raise Permanent("DOC_PARSE_OFFICE_CORRUPT", "the container has no document in it")
        body = container.read("word/document.xml")
    if not body.strip():
        raise Permanent("DOC_PARSE_OFFICE_CORRUPT", "the document part is empty")
    if _ENTITY.search(body[:4096]):
        raise Permanent("INPUT_ARCHIVE_UNSAFE", "the document declares XML entities")


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    check_count(len(entries))
    check_paths(paths_of(entries), [is_special(entry) for entry in entries])
    for entry in entries:
        if is_encrypted(entry):
            raise Permanent("DOC_PARSE_ENCRYPTED", details={"entry": entry.filename[:200]})
        _check_size(entry, entry.file_size)
    check_total(sum(entry.file_size for entry in entries))


def _check_size(entry: zipfile.ZipInfo, expanded: int) -> None:
    if expanded > MOST_PART:
        raise beyond("bytes of one part", MOST_PART, expanded)
    check_ratio(expanded, entry.compress_size)


def _expand(container: zipfile.ZipFile, entry: zipfile.ZipInfo, before: int) -> int:
    """Expand an entry in pieces, because its header may lie about its size; nothing is kept."""
    expanded = 0
    with container.open(entry) as part:
        while piece := part.read(_PIECE):
            expanded += len(piece)
            _check_size(entry, expanded)
            check_total(before + expanded)
    return expanded
