"""Drive the product over its own HTTP API, as any integration would."""

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import httpx

MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".html": "text/html",
    ".htm": "text/html",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".zip": "application/zip",
}


SAID = ("path", "message", "found", "criterion", "max_score", "score_step", "without_score", "unsupported_claims")


class Refusal(Exception):
    """The API said no; `code` is of the catalogue."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}{_told(error.get('details') or {})}")
        self.code: str = error["code"]
        self.details: dict[str, Any] = error.get("details") or {}


def _told(details: dict[str, Any]) -> str:
    """The details a person can do something with, in brackets."""
    said = {name: details[name] for name in SAID if details.get(name)}
    for field in details.get("fields", ()):
        named = field if isinstance(field, dict) else {"field": field, "message": "is not valid"}
        said[named["field"]] = named.get("message", named.get("rule"))
    return f" ({', '.join(f'{name}: {value}' for name, value in said.items())})" if said else ""


class Client:
    """Calls as one role of the demo tenant each; `token` makes a fresh access token for a role."""

    def __init__(self, url: str, token: Callable[[str], str]) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=60)
        self._token = token

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, role: str = "agent", **query: Any
    ) -> Any:
        """The `data` of the answer; raises Refusal for an error envelope."""
        headers = {"Authorization": f"Bearer {self._token(role)}"}
        if method == "POST":
            headers["Idempotency-Key"] = uuid.uuid4().hex
        answer = self._http.request(method, path, json=body, headers=headers, params=query or None)
        envelope = answer.json()
        if not envelope["success"]:
            raise Refusal(envelope["error"])
        return envelope["data"]

    def items(self, path: str, *, role: str = "agent", **query: Any) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page."""
        cursor: dict[str, Any] = {}
        while True:
            page = self.call("GET", path, role=role, limit=100, **query, **cursor)
            yield from page["items"]
            if not page["has_more"]:
                return
            cursor = {"cursor": page["next_cursor"]}

    def upload(
        self, project_id: str, supplier_id: str | None, files: list[Path], doc_type: str
    ) -> list[dict[str, Any]]:
        """Upload one bundle; each item has file_id, document_id and job_id, or code (refused file)."""
        declared = [self._declare(path, doc_type, primary=n == 0) for n, path in enumerate(files)]
        session = self.call(
            "POST", "/uploads", {"project_id": project_id, "supplier_id": supplier_id, "files": declared}
        )
        for path, entry in zip(files, session["files"], strict=True):
            self._put(path, entry)
        done = [{"file_id": entry["file_id"]} for entry in session["files"]]
        items: list[dict[str, Any]] = self.call("POST", f"/uploads/{session['upload_id']}/complete", {"files": done})[
            "items"
        ]
        return items

    def fetch(self, url: str) -> bytes:
        """The bytes behind a signed link."""
        return httpx.get(url, timeout=60).raise_for_status().content

    @staticmethod
    def _declare(path: Path, doc_type: str, *, primary: bool) -> dict[str, Any]:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return {
            "filename": path.name,
            "doc_type": doc_type,
            "role": "primary" if primary else "attachment",
            "size_bytes": path.stat().st_size,
            "sha256": sha256,
            "media_type": MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream"),
        }

    @staticmethod
    def _put(path: Path, entry: dict[str, Any]) -> None:
        """Send a file in one piece, or in the parts that its links ask for; at most one part is in memory."""
        with path.open("rb") as file:
            if entry["mode"] == "direct":
                _send(entry["put"], file)
                return
            size = entry["multipart"]["part_size"]
            for part in entry["multipart"]["parts"]:
                file.seek((part["no"] - 1) * size)
                _send(part, file.read(size))


def _send(link: dict[str, Any], content: bytes | IO[bytes]) -> None:
    """PUT to a signed link; raises Refusal with the code of the answer."""
    headers = dict(link["headers"])
    if not isinstance(content, bytes):
        headers["Content-Length"] = str(os.fstat(content.fileno()).st_size)
    answer = httpx.put(link["url"], content=content, headers=headers, timeout=600)
    if answer.status_code >= 400:
        raise Refusal(answer.json()["error"])
