"""The client of OpenSearch: nothing repeated by the library, every request under one owner (spec W21, W23, W24)."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import local
from typing import Any, Protocol, TypeVar

from opensearchpy import OpenSearch, Transport, Urllib3AWSV4SignerAuth, Urllib3HttpConnection
from opensearchpy.exceptions import AuthenticationException, AuthorizationException, ConnectionTimeout, TransportError
from opensearchpy.exceptions import ConnectionError as Unreachable

from shared.domain.errors import Permanent, Retryable
from shared.domain.retries import is_transient_status

TIMEOUT = 30  # seconds per try (W21)
NAME = "opensearch"  # of its breaker (W26)
BLOCKED = "cluster_block_exception"  # of an index without disk, or about to be deleted; its status is 403
Answer = TypeVar("Answer")


class Calls(Protocol):
    """Who repeats a failed call (OutboundCalls)."""

    def call(self, name: str, action: Callable[[], Answer]) -> Answer:
        """Run the action until it answers or its tries are over."""
        ...


def opensearch_client(url: str, *, calls: Calls, timeout: float = TIMEOUT, signer: Any = None) -> OpenSearch:
    """A client, safe to share by threads; every request may raise Retryable RAG_RETRIEVAL_TIMEOUT,
    RAG_UPSTREAM_UNAVAILABLE or CIRCUIT_OPEN after the tries of the profile. `signer`: see `signed_by`."""
    return OpenSearch(
        url, timeout=timeout, transport_class=_Owned, connection_class=_Heard, calls=calls, http_auth=signer
    )


def signed_by(*, region: str) -> Any:
    """Signs requests to a domain of AWS with the credentials of the process (SigV4, service `es`)."""
    from botocore.session import get_session

    credentials = get_session().get_credentials()
    return Urllib3AWSV4SignerAuth(credentials, region, "es")


@contextmanager
def opensearch_failures() -> Iterator[None]:
    """Vendor failures as typed ones; a malformed request is our bug and passes through."""
    try:
        yield
    except ConnectionTimeout as error:
        raise Retryable("RAG_RETRIEVAL_TIMEOUT", "OpenSearch ran out of time") from error
    except Unreachable as error:
        raise Retryable("RAG_UPSTREAM_UNAVAILABLE", "OpenSearch does not answer") from error
    except TransportError as error:
        if isinstance(error.status_code, int) and is_transient_status(error.status_code):
            asked = getattr(error, "retry_after", None)
            details = {} if asked is None else {"retry_after": asked}
            words = f"OpenSearch answered {error.status_code}"
            raise Retryable("RAG_UPSTREAM_UNAVAILABLE", words, details=details) from error
        if error.error == BLOCKED:
            raise Retryable("RAG_UPSTREAM_UNAVAILABLE", "the index takes no writes now") from error
        if isinstance(error, (AuthenticationException, AuthorizationException)):
            raise Permanent("INTERNAL_ERROR", f"OpenSearch does not allow this: {error.error}") from error
        raise


class _Owned(Transport):  # type: ignore[misc]  # the library is untyped here
    """Asks once per try of the profile."""

    def __init__(self, hosts: Any, *, calls: Calls, **options: Any) -> None:
        super().__init__(hosts, max_retries=0, retry_on_timeout=False, retry_on_status=(), **options)
        self._calls = calls

    def perform_request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        timeout: float | None = None,
        ignore: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The request, its failures in our words."""

        def ask() -> Any:
            with opensearch_failures():  # the library takes what it reads out of the parameters: each try has its own
                return super(_Owned, self).perform_request(
                    method, url, dict(params or {}), body, timeout, ignore, headers
                )

        return self._calls.call(NAME, ask)


class _Heard(Urllib3HttpConnection):  # type: ignore[misc]
    """Gives an error the Retry-After of its answer, which the library drops."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._last = local()

    def get_response_headers(self, response: Any) -> Any:
        """The headers; asked for just before an error is raised."""
        headers = super().get_response_headers(response)
        self._last.retry_after = headers.get("retry-after")
        return headers

    def _raise_error(self, status_code: int, raw_data: Any, content_type: str | None = None) -> None:
        try:
            super()._raise_error(status_code, raw_data, content_type)
        except TransportError as error:
            error.retry_after = self._last.retry_after
            raise
