"""Exports of a stored report: rows and the table of its criteria (spec D69, A108, A16)."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

EXPORT_LIFE = timedelta(days=7)  # A108
MEDIA_TYPES = {"json": "application/json", "csv": "text/csv", "pdf": "application/pdf"}
COLUMNS = (
    "code",
    "title",
    "requirement",
    "kind",
    "mandatory",
    "outcome",
    "score",
    "max_score",
    "confidence",
    "reason",
    "decided_by",
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # A16: what a spreadsheet would run


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A row of `exports`; key, hash, size (bytes) and expiry are known once it is ready."""

    export_id: str
    kind: str
    source: dict[str, Any]
    status: str = "queued"
    project_id: str | None = None
    job_id: str | None = None
    object_key: str | None = None
    object_version: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    expires_at: datetime | None = None
    error_code: str | None = None
    created_at: datetime | None = None
    row_version: int = 1


def safe_cell(value: Any) -> str:
    """The text of a cell that no spreadsheet takes for a formula: those get a ' in front (A16)."""
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def criteria_csv(content: Mapping[str, Any]) -> bytes:
    """The criteria of a report as CSV (RFC 4180, UTF-8), one row each, in the report's order."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    table.writerows([safe_cell(entry[name]) for name in COLUMNS] for entry in content["criteria"])
    return text.getvalue().encode("utf-8")
