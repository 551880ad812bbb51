"""What an archive may hold: limits, safe paths, names, and what becomes of each entry (spec P7, P25, P27, P81)."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.documents import Document
from shared.domain.errors import Permanent
from shared.domain.file_types import ZIP

MOST_ENTRIES = 1000  # P81, over all levels
MOST_EXPANDED = 5 << 30  # P81, all entries of all levels together
MOST_RATIO = 100  # P81, of entries above 10 MiB
RATIO_FROM = 10 << 20
MOST_LEVELS = 2  # P81: an archive in an archive is opened, one in that is not
MOST_NAMED = 20  # entries that an error names
NAME_LIMIT = 1000  # characters of an entry's path that are kept for people

_DRIVE = re.compile(r"[A-Za-z]:")
# What file managers add beside the files; it is listed as ignored, so that nothing is left out silently.
_HOUSEKEEPING = re.compile(r"(?:^|/)(?:__MACOSX/.*|\.DS_Store|\._[^/]*|Thumbs\.db|desktop\.ini)$", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEntry:
    """A file in an archive. `entry_no` counts from 0 over all levels in the archive's order, `place` leads to it:
    the index in the archive, then that in the archive found there. Refused ones have a `code`, files of the file
    manager are `is_ignored`; all others have hash and type and become documents."""

    entry_no: int
    place: tuple[int, ...]
    name: str
    size_bytes: int
    sha256: str | None = None
    media_type: str | None = None
    code: str | None = None
    is_ignored: bool = False

    @property
    def filename(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]

    @property
    def outcome(self) -> str:
        """registered, refused or ignored."""
        return "refused" if self.code else "ignored" if self.is_ignored else "registered"


def is_unpacked(document: Document) -> bool:
    """Whether the document is an archive whose files are documents of their own: it holds no text itself."""
    return document.media_type == ZIP and document.status == "indexed"


def is_housekeeping(name: str) -> bool:
    """Whether a file manager put the entry there."""
    return _HOUSEKEEPING.search(name) is not None


def decode_names(raw: Sequence[bytes]) -> list[str]:
    """Names that do not say their encoding: UTF-8 if all are, else GB18030 (what Chinese systems write, with GBK in
    it), else the code page 437 of the format."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return [name.decode(encoding) for name in raw]
        except UnicodeDecodeError:
            continue
    return [name.decode("cp437") for name in raw]


def path_of(name: str) -> str:
    """The name with one kind of separator, in NFC."""
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def check_paths(paths: Sequence[str], special: Sequence[bool]) -> None:
    """Raise Permanent INPUT_ARCHIVE_UNSAFE naming entries with an absolute path or drive, a part `..`, a NUL, that
    are a link or device (`special`), or that share their path with another: which of the two a person sees depends
    on the program (P27)."""
    counts = Counter(path for path in paths if not path.endswith("/"))
    wrong = [
        {"entry": path[:200], "reason": reason}
        for path, is_special in zip(paths, special, strict=True)
        if (reason := _danger(path, is_special, counts[path]))
    ]
    if wrong:
        raise Permanent("INPUT_ARCHIVE_UNSAFE", details={"entries": wrong[:MOST_NAMED]})


def _danger(path: str, is_special: bool, times: int) -> str | None:
    if is_special:
        return "link_or_device"
    if path.startswith("/") or _DRIVE.match(path):
        return "absolute_path"
    if ".." in path.split("/"):
        return "parent_folder"
    if "\x00" in path:
        return "name"
    return "same_name_twice" if times > 1 else None


def check_ratio(expanded: int, packed: int) -> None:
    """Raise Permanent DOC_EXPANSION_LIMIT_EXCEEDED for an entry above 10 MiB that expands more than 100 times."""
    if expanded > RATIO_FROM and expanded > MOST_RATIO * max(packed, 1):
        raise beyond("compression ratio", MOST_RATIO, round(expanded / max(packed, 1)))


def check_total(expanded: int) -> None:
    """Raise Permanent DOC_EXPANSION_LIMIT_EXCEEDED over 5 GiB."""
    if expanded > MOST_EXPANDED:
        raise beyond("expanded bytes", MOST_EXPANDED, expanded)


def check_count(entries: int) -> None:
    """Raise Permanent DOC_EXPANSION_LIMIT_EXCEEDED over 1,000 entries."""
    if entries > MOST_ENTRIES:
        raise beyond("entries", MOST_ENTRIES, entries)


def check_level(level: int) -> None:
    """Raise Permanent DOC_EXPANSION_LIMIT_EXCEEDED for an archive below the second level; the uploaded one is 1."""
    if level > MOST_LEVELS:
        raise beyond("nesting", MOST_LEVELS, level)


def check_readable(entries: Sequence[ArchiveEntry]) -> None:
    """Raise Permanent INPUT_EMPTY_FILE for an archive without files, and the first code when all are refused."""
    wanted = [entry for entry in entries if not entry.is_ignored]
    if not wanted:
        raise Permanent("INPUT_EMPTY_FILE", "there is no file in the archive")
    if all(entry.code for entry in wanted):
        named = [{"entry": entry.name[:200], "code": entry.code} for entry in wanted[:MOST_NAMED]]
        raise Permanent(wanted[0].code or "", "no file of the archive is accepted", details={"entries": named})


def beyond(what: str, limit: int, measured: int) -> Permanent:
    """The refusal of a bomb, with limit and measured value (P25)."""
    details = {"what": what, "limit": limit, "measured": measured}
    return Permanent("DOC_EXPANSION_LIMIT_EXCEEDED", f"{what}: {measured} is more than {limit}", details=details)
