"""Object keys are computed from ids; a name a user chose never becomes part of one (spec D20)."""

import re

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
LONGEST_KEY = 400


def upload_key(tenant_id: str, upload_id: str, file_id: str, *, attempt: int = 1) -> str:
    """Where an uploaded file lies; a file that arrived damaged is sent again under the next attempt."""
    if attempt < 1:
        raise ValueError("attempts count from 1")
    return f"{_owner(tenant_id, 'uploads', upload_id)}/{_part(file_id)}/{attempt}"


def next_upload_key(key: str) -> str:
    """The key of the next attempt after this one, because stored objects are never overwritten (A53)."""
    head, _, attempt = check_key(key).rpartition("/")
    return f"{head}/{int(attempt) + 1}"


def report_key(tenant_id: str, evaluation_id: str, version: int, extension: str) -> str:
    """Where a report version lies; `extension` is json or pdf."""
    if version < 1 or extension not in ("json", "pdf"):
        raise ValueError("a report key takes a version from 1 and json or pdf")
    return f"{_owner(tenant_id, 'reports', evaluation_id)}/v{version}.{extension}"


def export_key(tenant_id: str, export_id: str, extension: str) -> str:
    """Where the file of an export lies; `extension` is json, csv or pdf."""
    if extension not in ("json", "csv", "pdf"):
        raise ValueError("an export key takes json, csv or pdf")
    return f"{_owner(tenant_id, 'exports', export_id)}/report.{extension}"


def entry_key(tenant_id: str, document_id: str, entry_no: int) -> str:
    """Where a file from an archive lies; entries count from 0. A repeat of the unpacking finds the same key."""
    if entry_no < 0:
        raise ValueError("entries count from 0")
    return f"{_owner(tenant_id, 'archives', document_id)}/{entry_no}"


def tenant_prefix(tenant_id: str) -> str:
    """What all keys of a tenant begin with."""
    return f"tenants/{_part(tenant_id)}/"


def quarantine_key(key: str) -> str:
    """Where an object that no row names is kept for somebody to look at (W119)."""
    return f"quarantine/{check_key(key)}"


def check_key(key: str) -> str:
    """Return the key; raises ValueError for anything that could leave its folder or its tenant."""
    if len(key) > LONGEST_KEY or not _KEY.fullmatch(key):
        raise ValueError("not an object key")
    return key


def _owner(tenant_id: str, kind: str, owner_id: str) -> str:
    return f"tenants/{_part(tenant_id)}/{kind}/{_part(owner_id)}"


def _part(text: str) -> str:
    if not _PART.fullmatch(text):
        raise ValueError(f"{text!r} cannot be part of an object key")
    return text
