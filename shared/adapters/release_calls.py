"""Calls of a release that is tried: what the API asks for, what it answers, bytes for a signed link."""

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from http.client import HTTPException

from shared.domain.errors import Permanent, Retryable
from shared.ports.release_under_test import Reply

SECONDS = 60.0  # to connect and between bytes; the gateway gives up after 30
LARGEST_ANSWER = 16 << 20


def headers_for(method: str, token: str) -> dict[str, str]:
    """What the API asks for: token, JSON, and a key for what may happen only once."""
    headers = {"accept": "application/json", "content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    if method == "POST":
        headers["idempotency-key"] = uuid.uuid4().hex
    return headers


def reply_of(status: int, content: bytes | str) -> Reply:
    """The answer as JSON; raises Permanent INTERNAL_ERROR when it is none, as from a proxy in between."""
    try:
        body = json.loads(content)
    except ValueError as error:
        raise Permanent("INTERNAL_ERROR", f"status {status} without JSON") from error
    if not isinstance(body, dict):
        raise Permanent("INTERNAL_ERROR", f"status {status} without an envelope")
    return Reply(status=status, body=body)


def send_by_link(url: str, headers: Mapping[str, str], content: bytes) -> int:
    """PUT the bytes; raises Retryable DEPENDENCY_UNAVAILABLE without an answer."""
    status, _ = exchange(urllib.request.Request(url, content, dict(headers), method="PUT"))
    return status


def exchange(request: urllib.request.Request) -> tuple[int, bytes]:
    """Status and bytes of an answer, also of a refusal; raises Retryable DEPENDENCY_UNAVAILABLE or DEPENDENCY_TIMEOUT
    without one."""
    if not request.full_url.startswith(("https://", "http://")):
        raise Permanent("INTERNAL_ERROR", "the address is no http one")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return int(answer.status), answer.read(LARGEST_ANSWER)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code), error.read(LARGEST_ANSWER)
    except TimeoutError as error:
        raise Retryable("DEPENDENCY_TIMEOUT", "the release did not answer in time") from error
    except (urllib.error.URLError, HTTPException, OSError) as error:
        raise Retryable("DEPENDENCY_UNAVAILABLE", "the release was not reached") from error
