"""One rule for every call that leaves the process: three tries, a breaker per name, Retry-After (spec W21, W26)."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from shared.domain.errors import Retryable
from shared.domain.retries import MAX_JITTER_MS, PROFILES, retry_after_seconds
from shared.ports.platform import Clock

Answer = TypeVar("Answer")


class Breakers(Protocol):
    """What all processes know of the names they call."""

    def admit(self, name: str) -> bool:
        """Whether a call may be made."""
        ...

    def failed(self, name: str) -> None:
        """Note a failure that may pass."""
        ...

    def succeeded(self, name: str) -> None:
        """Note a success."""
        ...


class OutboundCalls:
    """`sleep` takes seconds; `chance` gives a number in 0-1 for the jitter."""

    def __init__(
        self, breakers: Breakers, *, clock: Clock, sleep: Callable[[float], None], chance: Callable[[], float]
    ) -> None:
        self._breakers, self._clock, self._sleep, self._chance = breakers, clock, sleep, chance

    def call(self, name: str, action: Callable[[], Answer]) -> Answer:
        """Run the action until it answers, three times at most; the adapter's own retries must be off (W24).

        `name` is provider and model. The action raises Retryable for what may pass, with the text of a Retry-After
        header as details["retry_after"]; everything else fails at once and says nothing about the other side's
        health. Raises the last Retryable, or Retryable CIRCUIT_OPEN without a call."""
        profile = PROFILES["outbound_call"]
        retry = 0
        while True:
            if not self._breakers.admit(name):
                raise Retryable("CIRCUIT_OPEN", f"{name} is not called: its breaker is open")
            try:
                answer = action()
            except Retryable as error:
                self._breakers.failed(name)
                retry += 1
                if retry >= profile.tries:
                    raise
                self._sleep(self._wait(retry, error))
            else:
                self._breakers.succeeded(name)
                return answer

    def _wait(self, retry: int, error: Retryable) -> float:
        asked = error.details.get("retry_after")
        wished = None if asked is None else retry_after_seconds(str(asked), self._clock.now())
        if wished is not None:
            return wished
        return PROFILES["outbound_call"].delay_seconds(retry, jitter_ms=round(self._chance() * MAX_JITTER_MS))
