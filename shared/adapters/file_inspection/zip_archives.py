"""Archives of files: everything in them is looked at before anything of them is taken (spec P7, P20-P27, P81).

Files are written to the folder that the caller names and nowhere else, under names made of numbers.
"""

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from shared.adapters.file_inspection.office_container import entry_names
from shared.adapters.file_inspection.zip_container import is_encrypted, is_special, open_container, paths_of
from shared.domain.archives import (
    ArchiveEntry,
    check_count,
    check_level,
    check_paths,
    check_ratio,
    check_readable,
    check_total,
    is_housekeeping,
)
from shared.domain.errors import CodedError, Permanent, Refused, Retryable
from shared.domain.file_types import ZIP, check_declared, check_filename, sniff
from shared.domain.upload_rules import FILE_LIMIT

_PIECE = 1 << 20
_EDGE = 8192  # bytes looked at on each end of a file
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class ZipArchives:
    """Reads archives where it is called; parser_process.ProcessArchives runs it in a child."""

    def survey(self, path: Path, folder: Path) -> list[ArchiveEntry]:
        """Every file of the archive and of the archives in it, in order, each read to its end.

        Raises Permanent DOC_PARSE_OFFICE_CORRUPT, DOC_EXPANSION_LIMIT_EXCEEDED or INPUT_ARCHIVE_UNSAFE for the whole,
        and when no file can be accepted INPUT_EMPTY_FILE or the code of the first one; Retryable
        DEPENDENCY_UNAVAILABLE when the folder takes no more."""
        survey = _Survey(folder)
        survey.walk(path, (), "", level=1)
        check_readable(survey.entries)
        return survey.entries

    def extract(self, path: Path, place: Sequence[int], folder: Path) -> Path:
        """The file at this place, written to the folder; an archive on the way there stays for the next one.

        Raises what `survey` raises for the container."""
        for depth in range(1, len(place) + 1):
            target = folder / _named(place[:depth])
            if depth == len(place) or not target.exists():
                with open_container(path) as container:
                    _read(container, container.infolist()[place[depth - 1]], target)
            path = target
        return path


def check_archive(path: Path) -> None:
    """Refuse by the directory alone what `survey` would refuse as a whole, and what needs a password throughout.

    Raises Permanent DOC_PARSE_OFFICE_CORRUPT, DOC_EXPANSION_LIMIT_EXCEEDED, INPUT_ARCHIVE_UNSAFE, INPUT_EMPTY_FILE or
    DOC_PARSE_ENCRYPTED."""
    with open_container(path) as container:
        infos = container.infolist()
        names = _checked(infos, before=0)
    files = [info for info, name in zip(infos, names, strict=True) if not name.endswith("/")]
    if not files:
        raise Permanent("INPUT_EMPTY_FILE", "there is no file in the archive")
    if all(is_encrypted(info) for info in files):
        raise Permanent("DOC_PARSE_ENCRYPTED", "every file of the archive needs a password")


class _Survey:
    """What was found so far over all levels."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = self._expanded = 0
        self.entries: list[ArchiveEntry] = []

    def walk(self, path: Path, place: tuple[int, ...], prefix: str, *, level: int) -> None:
        """Check the directory of an archive as a whole, then read file after file."""
        check_level(level)
        with open_container(path) as container:
            infos = container.infolist()
            self._count += len(infos)
            check_count(self._count)
            names = _checked(infos, before=self._expanded)
            self._expanded += sum(info.file_size for info in infos)
            for index, (info, name) in enumerate(zip(infos, names, strict=True)):
                if not name.endswith("/"):
                    self._file(container, info, (*place, index), prefix + name, level)

    def _file(
        self, container: zipfile.ZipFile, info: zipfile.ZipInfo, place: tuple[int, ...], name: str, level: int
    ) -> None:
        entry = ArchiveEntry(entry_no=len(self.entries), place=place, name=name, size_bytes=info.file_size)
        if is_housekeeping(name):
            self.entries.append(replace(entry, is_ignored=True))
            return
        code = _refusal(info, entry.filename)
        if code is not None:
            self.entries.append(replace(entry, code=code))
            return
        copy = self._folder / _named(place)
        content = _read(container, info, copy, only=b"PK")
        try:
            media_type = _type_of(copy, content, entry.filename)
        except (Permanent, Refused) as error:
            self.entries.append(replace(entry, code=error.code))
        else:
            if media_type == ZIP:
                self.walk(copy, place, name + "/", level=level + 1)
            else:
                self.entries.append(replace(entry, sha256=content.sha256, media_type=media_type))
        finally:
            copy.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Content:
    sha256: str
    head: bytes
    tail: bytes


def _named(place: Sequence[int]) -> str:
    return "-".join(map(str, place)) + ".part"


def _checked(infos: list[zipfile.ZipInfo], *, before: int) -> list[str]:
    """The paths of the entries, once nothing in the directory speaks against the whole."""
    check_count(len(infos))
    paths = paths_of(infos)
    check_paths(paths, [is_special(info) for info in infos])
    for info in infos:
        check_ratio(info.file_size, info.compress_size)
    check_total(before + sum(info.file_size for info in infos))
    return paths


def _refusal(info: zipfile.ZipInfo, filename: str) -> str | None:
    """The code that one file is refused with before its bytes are read."""
    if info.file_size == 0:
        return "INPUT_EMPTY_FILE"
    if info.file_size > FILE_LIMIT:
        return "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED"
    if is_encrypted(info):
        return "DOC_PARSE_ENCRYPTED"
    if info.compress_type not in _METHODS:
        return "INPUT_UNSUPPORTED_FORMAT"
    try:
        check_filename(filename)
    except CodedError as error:
        return error.code
    return None


def _type_of(copy: Path, content: _Content, filename: str) -> str:
    """The media type by content and name; raises Permanent INPUT_UNSUPPORTED_FORMAT or INPUT_TYPE_MISMATCH."""
    return check_declared(sniff(content.head, content.tail, entry_names(copy, content.head)), filename, None)


def _read(container: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, *, only: bytes = b"") -> _Content:
    """Read an entry to its end, which checks its length and checksum; write it down if it begins with `only`."""
    hashed, head, tail = hashlib.sha256(), b"", b""
    with container.open(info) as entry, _room_for(target) as copy:
        while piece := entry.read(_PIECE):
            hashed.update(piece)
            head = head or piece[:_EDGE]
            tail = (tail + piece)[-_EDGE:]
            if head.startswith(only):
                copy(piece)
    return _Content(hashed.hexdigest(), head, tail)


@contextmanager
def _room_for(target: Path) -> Iterator[Callable[[bytes], None]]:
    """Write pieces to a new file. A disk without room says nothing about the archive: Retryable (F36)."""

    def write(piece: bytes) -> None:
        with _typed():
            file.write(piece)

    with _typed():
        file = target.open("wb", buffering=0)
    with file:
        yield write


@contextmanager
def _typed() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Retryable("DEPENDENCY_UNAVAILABLE", "there is no room for the files of the archive") from error
