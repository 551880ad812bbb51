"""Documents and uploads: rows and the rules about them (spec D44-D49)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A row of `documents`; states and moves are in transitions.DOCUMENT."""

    document_id: str
    project_id: str
    upload_id: str
    doc_type: str
    filename: str
    sha256: str
    size_bytes: int
    media_type: str
    status: str
    supplier_id: str | None = None
    bid_id: str | None = None
    parent_id: str | None = None
    page_count: int | None = None
    parse_run_id: str | None = None
    incomplete_pages: tuple[int, ...] = ()
    error_code: str | None = None
    language: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSession:
    """A row of `upload_sessions`; lives 24 h (A55)."""

    upload_id: str
    project_id: str
    supplier_id: str | None
    status: str
    file_count: int
    expires_at: datetime
    bundle_hash: str | None = None
    completed_at: datetime | None = None
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadFile:
    """A row of `upload_files`: what the client declared and what became of it."""

    file_id: str
    upload_id: str
    ordinal: int
    filename: str
    role: str
    doc_type: str
    media_type: str
    size_bytes: int
    sha256: str
    mode: str
    object_key: str
    multipart_id: str | None = None
    parts: list[dict[str, Any]] | None = None
    document_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseRun:
    """A row of `parse_runs`; `manifest` lists the attempts per page range (P49)."""

    parse_run_id: str
    document_id: str
    attempt: int
    router_version: str
    chunker_version: str
    config_hash: str
    status: str
    manifest: dict[str, Any]
    pages_expected: int | None = None
    pages_done: int = 0
    chunk_count: int | None = None
    error_code: str | None = None
