"""Office containers: broken, unsafe or a bomb, found without expanding more than the limits (spec P22, P25, P27)."""

import re
import stat
import zipfile
import zlib
from pathlib import Path

from shared.domain.errors import Permanent

MOST_ENTRIES = 1000  # P81
MOST_EXPANDED = 5 << 30  # P81, all entries together
MOST_PART = 512 << 20  # P83, one XML part
MOST_RATIO = 100  # P81, of entries above 10 MiB
RATIO_FROM = 10 << 20
_PIECE = 1 << 20
_ENTITY = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError)


def entry_names(path: Path, head: bytes) -> list[str] | None:
    """The names in a zip container; None when it is none or its directory cannot be read."""
    if not head.startswith(b"PK"):
        return None
    try:
        with zipfile.ZipFile(path) as container:
            return container.namelist()
    except _BROKEN:
        return None


def check_office(path: Path) -> None:
    """Raise Permanent DOC_PARSE_OFFICE_CORRUPT, INPUT_ARCHIVE_UNSAFE, DOC_PARSE_ENCRYPTED or
    DOC_EXPANSION_LIMIT_EXCEEDED for a DOCX that cannot or must not be read."""
    try:
        with zipfile.ZipFile(path) as container:
            entries = container.infolist()
            _check_entries(entries)
            total = 0
            for entry in entries:
                total += _expand(container, entry, total)
            body = container.read("word/document.xml")
    except KeyError as error:
        raise Permanent("DOC_PARSE_OFFICE_CORRUPT", "the container has no document in it") from error
    except _BROKEN as error:
        raise Permanent("DOC_PARSE_OFFICE_CORRUPT") from error
    if not body.strip():
        raise Permanent("DOC_PARSE_OFFICE_CORRUPT", "the document part is empty")
    if _ENTITY.search(body[:4096]):
        raise Permanent("INPUT_ARCHIVE_UNSAFE", "the document declares XML entities")


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_ENTRIES:
        raise _beyond("entries", MOST_ENTRIES, len(entries))
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        mode = entry.external_attr >> 16
        is_special = stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR)
        if entry.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or is_special:
            raise Permanent("INPUT_ARCHIVE_UNSAFE", details={"entry": entry.filename[:200]})
        if entry.flag_bits & 1:
            raise Permanent("DOC_PARSE_ENCRYPTED", details={"entry": entry.filename[:200]})
        _check_size(entry, entry.file_size)
    total = sum(entry.file_size for entry in entries)
    if total > MOST_EXPANDED:
        raise _beyond("expanded bytes", MOST_EXPANDED, total)


def _check_size(entry: zipfile.ZipInfo, expanded: int) -> None:
    if expanded > MOST_PART:
        raise _beyond("bytes of one part", MOST_PART, expanded)
    if expanded > RATIO_FROM and expanded > MOST_RATIO * max(entry.compress_size, 1):
        raise _beyond("compression ratio", MOST_RATIO, round(expanded / max(entry.compress_size, 1)))


def _expand(container: zipfile.ZipFile, entry: zipfile.ZipInfo, before: int) -> int:
    """Expand an entry in pieces, because its header may lie about its size; nothing is kept."""
    expanded = 0
    with container.open(entry) as part:
        while piece := part.read(_PIECE):
            expanded += len(piece)
            _check_size(entry, expanded)
            if before + expanded > MOST_EXPANDED:
                raise _beyond("expanded bytes", MOST_EXPANDED, before + expanded)
    return expanded


def _beyond(what: str, limit: int, measured: int) -> Permanent:
    details = {"what": what, "limit": limit, "measured": measured}
    return Permanent("DOC_EXPANSION_LIMIT_EXCEEDED", f"{what}: {measured} is more than {limit}", details=details)
