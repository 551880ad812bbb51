"""What may be uploaded and how: limits, modes, the primary file, the hash of a bundle (spec A54-A57)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from shared.domain.canonical_json import digest
from shared.domain.errors import Refused
from shared.domain.file_types import ACCEPTED, UNKNOWN, declared_type, type_of_name

MIB = 1 << 20
MULTIPART_FROM = 64 * MIB
PART_SIZE = 8 * MIB
FILE_LIMIT = 1 << 30
SESSION_LIMIT = 5 << 30
FILES_LIMIT = 64
OPEN_SESSIONS = 64
SESSION_LIFE = timedelta(hours=24)
LINK_LIFE = timedelta(seconds=900)
DOC_TYPES = ("tender", "bid", "attachment")
ROLES = ("primary", "attachment")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredFile:
    """A file as the client announces it; `sha256` is 64 lower-case hex digits of the bytes to come."""

    filename: str
    doc_type: str
    role: str
    size_bytes: int
    sha256: str
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPart:
    """A part of a multipart upload as the client reports it; numbers count from 1."""

    no: int
    etag: str
    sha256: str | None = None


def check_bundle(files: Sequence[DeclaredFile], *, supplier_id: str | None) -> None:
    """Refuse a bundle that breaks A55, A56 or names a bidder where none can be.

    Raises REQ_VALIDATION_FAILED, UPLOAD_FILES_LIMIT_EXCEEDED, UPLOAD_FILE_SIZE_LIMIT_EXCEEDED, INPUT_EMPTY_FILE or
    INPUT_PRIMARY_REQUIRED."""
    if not 1 <= len(files) <= FILES_LIMIT or sum(file.size_bytes for file in files) > SESSION_LIMIT:
        limits = {"files": FILES_LIMIT, "bytes": SESSION_LIMIT}
        raise Refused("UPLOAD_FILES_LIMIT_EXCEEDED", details={"files": len(files), "limits": limits})
    for place, file in enumerate(files):
        _check_file(place, file, supplier_id)
    primaries = sum(file.role == "primary" for file in files)
    if primaries != 1:
        raise Refused("INPUT_PRIMARY_REQUIRED", details={"primary_files": primaries})


def _check_file(place: int, file: DeclaredFile, supplier_id: str | None) -> None:
    wrong = [name for name, bad in _field_errors(file, supplier_id) if bad]
    if wrong:
        raise Refused("REQ_VALIDATION_FAILED", details={"fields": [f"files[{place}].{name}" for name in wrong]})
    if file.size_bytes == 0:
        raise Refused("INPUT_EMPTY_FILE", details={"file": place})
    if file.size_bytes > FILE_LIMIT:
        details = {"file": place, "limit": FILE_LIMIT, "size_bytes": file.size_bytes}
        raise Refused("UPLOAD_FILE_SIZE_LIMIT_EXCEEDED", details=details)


def _field_errors(file: DeclaredFile, supplier_id: str | None) -> list[tuple[str, bool]]:
    # A tender belongs to the project, a bid to exactly one bidder (D15); attachments go with either.
    wrong_owner = file.doc_type not in DOC_TYPES or (file.doc_type == "tender") != (supplier_id is None)
    if file.doc_type == "attachment":
        wrong_owner = False
    return [
        ("doc_type", wrong_owner),
        ("role", file.role not in ROLES),
        ("size_bytes", file.size_bytes < 0),
        ("sha256", not _SHA256.fullmatch(file.sha256)),
        ("media_type", not file.media_type),
    ]


def mode_of(size_bytes: int) -> str:
    """`direct` below 64 MiB, `multipart` from there on (A54)."""
    return "multipart" if size_bytes >= MULTIPART_FROM else "direct"


def part_count(size_bytes: int) -> int:
    """How many parts of 8 MiB a multipart upload of this size has."""
    return ceil(size_bytes / PART_SIZE)


def check_parts(parts: Sequence[SentPart], *, size_bytes: int) -> None:
    """Raise UPLOAD_PARTS_INVALID unless the parts are 1..n, each once, as many as the size asks for."""
    numbers = sorted(part.no for part in parts)
    expected = part_count(size_bytes)
    if numbers != list(range(1, expected + 1)):
        raise Refused("UPLOAD_PARTS_INVALID", details={"expected": expected, "got": numbers[:100]})


def bundle_hash(files: Sequence[DeclaredFile]) -> str:
    """SHA-256 of the canonical list of {sha256, size_bytes, role} sorted by role, then sha256 (A57)."""
    ordered = sorted(files, key=lambda file: (file.role, file.sha256))
    return digest([{"sha256": f.sha256, "size_bytes": f.size_bytes, "role": f.role} for f in ordered])


def accepted_type(filename: str, declared: str) -> str:
    """The media type to expect, as far as name and declaration tell; raises Refused INPUT_UNSUPPORTED_FORMAT."""
    stated, named = declared_type(declared), type_of_name(filename)
    if stated in ("", UNKNOWN) and named is not None:
        stated = named
    refused = [kind for kind in (named, stated) if kind is not None and kind not in ACCEPTED]
    if refused:
        details = {"found": refused[0], "accepted": list(ACCEPTED)}
        raise Refused("INPUT_UNSUPPORTED_FORMAT", f"{refused[0]} is not accepted", details=details)
    return stated
