"""Calls of AWS services: bounded, never repeated by the SDK, their failures in our words (spec W21, W23, W24)."""

import logging
from collections.abc import Callable, Collection
from typing import Any, Protocol, TypeVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    ReadTimeoutError,
)
from botocore.exceptions import (
    ConnectionError as NoConnection,
)

from shared.domain.errors import CodedError, Permanent, Retryable
from shared.domain.retries import is_transient_status

TIMEOUT = 30  # seconds to connect and between bytes of an answer (W21)
_BUSY = frozenset(
    "ThrottlingException Throttling ThrottledException RequestThrottled RequestThrottledException SlowDown "
    "TooManyRequestsException RequestLimitExceeded ExecutionLimitExceeded OverLimit PriorRequestNotComplete "
    "KmsThrottlingException KmsThrottled ServiceUnavailable InternalFailure InternalError InternalException".split()
)
_SLOW = frozenset({"RequestTimeout", "RequestTimeoutException"})
_NETWORK = (NoConnection, HTTPClientError, IncompleteReadError, CredentialRetrievalError, MetadataRetrievalError)

# The service forgets an upload when it has joined it: asked again after a lost answer it would refuse.
_ONE_TRY = frozenset({"CompleteMultipartUpload"})

Call = Callable[..., dict[str, Any]]
Answer = TypeVar("Answer")


class Calls(Protocol):
    """Who repeats a failed call (OutboundCalls)."""

    def call(self, name: str, action: Callable[[], Answer]) -> Answer:
        """Run the action until it answers or its tries are over."""
        ...


def aws_client(
    service: str,
    *,
    region: str,
    endpoint: str | None = None,
    timeout: float = TIMEOUT,
    calls: Calls | None = None,
) -> Any:
    """A client without retries of its own, because one owner repeats a failure (W24); safe to share by threads.

    An empty `region` is the SDK's own: the one that Lambda or an operator's profile names.

    With `calls` every operation, those of paginators too, has the profile of outbound calls under the breaker
    `aws/<service>`, and raises Retryable for what stays. Without, the caller's own profile repeats (the relay, W20).
    Below INFO botocore writes whole requests to the log, callback tokens included (W86), so it stays above.
    """
    logging.getLogger("botocore").setLevel(logging.WARNING)
    signature = "s3v4" if service == "s3" else None  # links signed with the older one carry no checksum headers
    config = Config(
        retries={"total_max_attempts": 1},
        connect_timeout=timeout,
        read_timeout=timeout,
        signature_version=signature,
    )
    session = botocore.session.get_session()
    if calls is not None:
        owned = _owned_by(calls, f"aws/{service}")
        session.register(f"creating-client-class.{service}", lambda base_classes, **_: base_classes.insert(0, owned))
    return session.create_client(service, region_name=region or None, endpoint_url=endpoint, config=config)


def _owned_by(calls: Calls, name: str) -> type:
    """The part of a client class through which each of its operations goes."""

    class Owned:
        def _make_api_call(self, operation_name: str, api_params: Any) -> Any:
            def act() -> Any:
                try:
                    return super(Owned, self)._make_api_call(operation_name, api_params)  # type: ignore[misc]
                except (ClientError, BotoCoreError) as error:
                    failure = in_our_words(error)
                    if not isinstance(failure, Retryable):
                        raise
                raise failure

            return act() if operation_name in _ONE_TRY else calls.call(name, act)

    return Owned


def ask(call: Call, **parameters: Any) -> dict[str, Any]:
    """Make the call; raises Retryable DEPENDENCY_UNAVAILABLE or DEPENDENCY_TIMEOUT, or Permanent INTERNAL_ERROR."""
    try:
        return call(**parameters)
    except (ClientError, BotoCoreError) as error:
        failure = in_our_words(error)
    # Raised here and not in the handler: the SDK's errors may quote what was sent, and must not travel as the context.
    raise failure


def ask_unless(expected: Collection[str], call: Call, **parameters: Any) -> dict[str, Any] | None:
    """As `ask`, but None when the service refuses with one of the expected codes."""
    try:
        return call(**parameters)
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and code_of(error) in expected:
            return None
        failure = in_our_words(error)
    raise failure


def code_of(error: ClientError) -> str:
    """The service's name of the failure, without a namespace in front."""
    return str(error.response.get("Error", {}).get("Code", "")).rpartition("#")[2]


def in_our_words(error: ClientError | BotoCoreError) -> CodedError:
    """Transient are timeouts, network, throttling, 429 and 5xx (W23); every other answer fails again the same way."""
    if isinstance(error, (ReadTimeoutError, ConnectTimeoutError)):
        return Retryable("DEPENDENCY_TIMEOUT", f"AWS did not answer in time ({type(error).__name__})")
    if isinstance(error, _NETWORK):
        return Retryable("DEPENDENCY_UNAVAILABLE", f"AWS was not reached ({type(error).__name__})")
    if not isinstance(error, ClientError):
        return Permanent("INTERNAL_ERROR", f"the SDK refused a call ({type(error).__name__})")
    facts = error.response.get("ResponseMetadata", {})
    asked = facts.get("HTTPHeaders", {}).get("retry-after")
    details = {} if asked is None else {"retry_after": asked}
    status, code = int(facts.get("HTTPStatusCode", 0)), code_of(error)
    words = f"{error.operation_name}: {code}, status {status}, request {facts.get('RequestId', 'unknown')}"
    if code in _SLOW or status == 504:
        return Retryable("DEPENDENCY_TIMEOUT", words, details=details)
    if code in _BUSY or is_transient_status(status):
        return Retryable("DEPENDENCY_UNAVAILABLE", words, details=details)
    return Permanent("INTERNAL_ERROR", words)
