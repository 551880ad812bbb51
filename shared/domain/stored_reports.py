"""Whether the stored bytes of a report still are what its row says, and still locked (spec W119, S90)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.evaluation_rows import Report

LOCK_PRECISION = timedelta(seconds=1)  # object stores keep whole seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What lies under a key: the hash of the bytes that were read (None: nothing is there) and the lock's end."""

    sha256: str | None
    locked_until: datetime | None


def keys(report: Report) -> Iterator[tuple[str, str, str]]:
    """Kind, key and expected hash of the objects of a report."""
    yield "json", report.object_key, report.sha256
    yield "pdf", report.pdf_key, report.pdf_sha256


def mismatch(expected: str, report: Report, found: Found, *, now: datetime) -> str | None:
    """missing, hash or lock; None when all is well. A lock whose time is over may be gone."""
    if found.sha256 is None:
        return "missing"
    if found.sha256 != expected:
        return "hash"
    until = report.locked_until
    if until is not None and until > now and (found.locked_until or now) < until - LOCK_PRECISION:
        return "lock"
    return None
