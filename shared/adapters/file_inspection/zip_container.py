"""Opening zip containers without trusting them, for office files and archives (spec P22, P25, P27)."""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.domain.archives import MOST_ENTRIES, beyond, decode_names, path_of
from shared.domain.errors import Permanent

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError)
# A directory so long holds over a thousand entries, however long their names; reading it would cost memory only.
LONGEST_DIRECTORY = 16 << 20
_END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_TAIL = 1 << 17
_UTF8 = 0x800
_ENCRYPTED = 0x41  # flag bits 0 and 6: traditional and strong encryption
_UNICODE_PATH = 0x7075


@contextmanager
def open_container(path: Path) -> Iterator[zipfile.ZipFile]:
    """The container, read lazily. Raises Permanent DOC_EXPANSION_LIMIT_EXCEEDED for a directory too long to be read,
    DOC_PARSE_OFFICE_CORRUPT for anything zipfile cannot read while the block runs."""
    _check_directory(path)
    try:
        with zipfile.ZipFile(path) as container:
            yield container
    except BROKEN as error:
        raise Permanent("DOC_PARSE_OFFICE_CORRUPT", "the container cannot be read") from error


def _check_directory(path: Path) -> None:
    """Look at the end record only: the standard library reads the whole directory when it opens a file."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        tail = file.read()
    lengths = []
    at = tail.rfind(_END)
    if at >= 0 and len(tail) >= at + 22:
        lengths.append(struct.unpack_from("<L", tail, at + 12)[0])
    at64 = tail.rfind(_END64)
    if lengths == [0xFFFFFFFF] and at64 >= 0 and len(tail) >= at64 + 56:
        lengths = [struct.unpack_from("<Q", tail, at64 + 40)[0]]
    if lengths and lengths[0] > LONGEST_DIRECTORY:
        raise beyond("entries", MOST_ENTRIES, lengths[0] // 46)  # the smallest record of an entry has 46 bytes


def paths_of(entries: list[zipfile.ZipInfo]) -> list[str]:
    """The paths as their makers wrote them: marked as UTF-8, given once more in UTF-8, or in an older encoding."""
    marked = [entry.orig_filename if entry.flag_bits & _UTF8 else _unicode_path(entry) for entry in entries]
    raw = [entry.orig_filename.encode("cp437") for entry, name in zip(entries, marked, strict=True) if name is None]
    decoded = iter(decode_names(raw))
    return [path_of(next(decoded) if name is None else name) for name in marked]


def _unicode_path(entry: zipfile.ZipInfo) -> str | None:
    """The Info-ZIP Unicode Path of the entry, if it belongs to the name that stands in the directory."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        body, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and len(body) > 5:
            version, checksum = struct.unpack_from("<BL", body)
            if version == 1 and checksum == zlib.crc32(entry.orig_filename.encode("cp437")):
                try:
                    return body[5:].decode("utf-8")
                except UnicodeDecodeError:
                    return None
    return None


def is_special(entry: zipfile.ZipInfo) -> bool:
    """Whether the entry is a link, a device or a pipe by its Unix mode."""
    return stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR)


def is_encrypted(entry: zipfile.ZipInfo) -> bool:
    """Whether a password is needed to read it."""
    return bool(entry.flag_bits & _ENCRYPTED)
