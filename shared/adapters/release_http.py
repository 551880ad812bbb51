"""The ReleaseUnderTest port over HTTP: a deployed stage, or the product on one machine."""

import json
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from shared.adapters.release_calls import exchange, headers_for, reply_of, send_by_link
from shared.ports.release_under_test import Reply, SmokeRole


class HttpRelease:
    """`url` without a slash at its end; `token` makes a fresh access token for a role."""

    def __init__(self, url: str, token: Callable[[SmokeRole], str]) -> None:
        self._url, self._token = url.rstrip("/"), token

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, role: SmokeRole = "agent"
    ) -> Reply:
        """One call; the key of a POST is new each time."""
        content = None if body is None else json.dumps(body).encode()
        headers = headers_for(method, "" if path.startswith("/health/") else self._token(role))
        status, answer = exchange(urllib.request.Request(self._url + path, content, headers, method=method))
        return reply_of(status, answer)

    def send(self, url: str, headers: Mapping[str, str], content: bytes) -> int:
        """PUT to a signed link, which is used as it is."""
        return send_by_link(url, headers, content)
