"""POST to a receiver over HTTPS, to exactly the address that was checked (spec A137, A138, S114)."""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpcore

from shared.domain.errors import Refused, Retryable
from shared.domain.webhooks import SEND_SECONDS, check_target, is_public

Resolve = Callable[[str], Sequence[str]]


def resolve(host: str) -> list[str]:
    """All addresses of the name, by the machine's resolver; raises OSError when it has none."""
    found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class WebhookSender:
    """The WebhookPost port. The defaults are the production rules; tests give a resolver, a rule and a CA of theirs."""

    def __init__(
        self,
        *,
        resolver: Resolve = resolve,
        allowed: Callable[[str], bool] = is_public,
        context: ssl.SSLContext | None = None,
        port: int = 443,
        seconds: float = SEND_SECONDS,
    ) -> None:
        self._resolve, self._allowed, self._port, self._seconds = resolver, allowed, port, seconds
        self._context = context or ssl.create_default_context()

    def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes) -> int:
        """POST and return the HTTP status; redirects are answers, the answer's body is not read.

        Raises Refused WEBHOOK_URL_FORBIDDEN, Retryable DEPENDENCY_TIMEOUT after 10 s in all, or
        DEPENDENCY_UNAVAILABLE for a network or TLS failure."""
        check_target(url)
        deadline = time.monotonic() + self._seconds
        address = self._address(urlsplit(url).hostname or "")
        backend = _Pinned(address, self._port, deadline)
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        # A fresh connection per call: a pool could reuse one whose address was checked for an earlier answer.
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._context, network_backend=backend, retries=0) as pool,
                pool.stream("POST", url, headers=sent, content=body, extensions=_timeouts(self._seconds)) as response,
            ):
                return int(response.status)
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise Retryable("DEPENDENCY_TIMEOUT", "the receiver took too long") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise Retryable("DEPENDENCY_UNAVAILABLE", "the receiver cannot be reached") from error

    def _address(self, host: str) -> str:
        """The address to call. One that is not allowed among several refuses them all (rebinding, mixed answers)."""
        try:
            found = self._resolve(host)
        except OSError as error:
            raise Retryable("DEPENDENCY_UNAVAILABLE", "the receiver's name has no address") from error
        if not found:
            raise Retryable("DEPENDENCY_UNAVAILABLE", "the receiver's name has no address")
        if not all(self._allowed(address) for address in found):
            raise Refused(
                "WEBHOOK_URL_FORBIDDEN", details={"reason": "the name leads to an address that is not public"}
            )
        return found[0]


def _timeouts(seconds: float) -> dict[str, Any]:
    return {"timeout": {"connect": seconds, "read": seconds, "write": seconds, "pool": seconds}}


class _Pinned(httpcore.NetworkBackend):
    """Connects to the checked address whatever the URL names; SNI, certificate and Host stay those of the URL."""

    def __init__(self, address: str, port: int, deadline: float) -> None:
        self._address, self._port, self._deadline = address, port, deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_tcp(self._address, self._port, timeout=_left(self._deadline))
        return _Bounded(stream, self._deadline)


class _Bounded(httpcore.NetworkStream):
    """Every operation has the time that is left of the whole call, so a receiver cannot drip its answer forever."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, timeout=_left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout=_left(self._deadline))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, timeout=_left(self._deadline))
        return _Bounded(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the call's time is over")
    return left
