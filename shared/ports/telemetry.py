"""What is measured and traced while the product works; names, units and labels stand in shared/domain/metrics.py."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from shared.domain.metrics import Figure


class Figures(Protocol):
    """What only the rows know about the whole stage."""

    def read(self) -> Sequence[Figure]:
        """All of them at one moment; raises Retryable DEPENDENCY_UNAVAILABLE when the database is out."""
        ...


class Telemetry(Protocol):
    """Metrics and spans. No method ever fails a call because of what it measures, but for a name or label that the
    registry does not have: KeyError or ValueError, which a test meets first."""

    def count(self, name: str, value: float = 1, **labels: str) -> None:
        """Add to a counter."""
        ...

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """One more duration of a histogram."""
        ...

    def level(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        ...

    def span(self, name: str, **ids: str) -> AbstractContextManager[None]:
        """A part of a trace, ids only: what runs in the block has them in its log lines. When the outermost block of
        a call ends, its metrics leave the process."""
        ...
