"""Time, ids, secrets, queues and executions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from shared.domain.executions import Execution


class Clock(Protocol):
    """The only source of the current time."""

    def now(self) -> datetime:
        """The time in UTC, with its zone."""
        ...


class Ids(Protocol):
    """The only source of new ids and secrets."""

    def new(self, prefix: str) -> str:
        """A new typed id such as doc_01j...; raises ValueError for an unknown prefix."""
        ...

    def token(self, prefix: str) -> str:
        """A new secret: the prefix and 43 URL-safe characters (256 bit)."""
        ...


class Vault(Protocol):
    """Envelope encryption bound to a context; a ciphertext moved elsewhere does not decrypt (S97)."""

    def encrypt(self, plain: str, *, context: Mapping[str, str]) -> bytes:
        """AES-256-GCM over UTF-8 with the context as associated data; the key version leads the bytes."""
        ...

    def decrypt(self, sealed: bytes, *, context: Mapping[str, str]) -> str:
        """The plain text; raises Permanent DATA_CORRUPTED for another context or altered bytes."""
        ...


class Workflows(Protocol):
    """Executions of the state machines in statemachines/."""

    def start(self, machine: str, *, name: str, input: Mapping[str, Any]) -> str:
        """Start, or return the running execution of this name; a closed name also counts as started (W15)."""
        ...

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """Answer a waiting callback; False when the wait is gone, answered or timed out (W90)."""
        ...

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """Fail a waiting callback under an error name that Retry and Catch match; False as in `succeed`."""
        ...

    def heartbeat(self, token: str) -> bool:
        """Prolong a waiting callback by its heartbeat time; False as in `succeed`."""
        ...

    def stop(self, execution_ref: str, *, cause: str) -> None:
        """Stop a running execution; stopping a closed one does nothing."""
        ...

    def describe(self, execution_ref: str) -> Execution | None:
        """How the execution stands, or None when the platform does not know it (W113)."""
        ...


class Queue(Protocol):
    """Messages that wake consumers; delivered at least once, in any order."""

    def send(self, queue: str, message: Mapping[str, Any]) -> None:
        """Put one JSON message on the named queue."""
        ...
