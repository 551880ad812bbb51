"""Where versions are live: the only writer of alias weights and configuration rows of a release (spec W57-W63, O40)."""

from collections.abc import Sequence
from typing import Protocol

from shared.domain.releases import Alarm, Versions


class Deployments(Protocol):
    """All four parts of a release on one platform. Every method may be repeated. Raises Retryable when the platform
    does not answer, Permanent INTERNAL_ERROR for a function or machine it does not know."""

    def weights(self, candidate: Versions) -> dict[str, int]:
        """Part of ROLLBACK_ORDER -> the smallest percentage of new work that its aliases give the candidate now."""
        ...

    def shift(self, baseline: Versions, candidate: Versions, *, weight: int) -> None:
        """Give the candidate this percentage of new work in all parts, the baseline the rest; what runs goes on."""
        ...

    def restore(self, part: str, baseline: Versions) -> None:
        """One step of a rollback: all new work of this part goes to the baseline."""
        ...

    def is_restored(self, part: str, baseline: Versions) -> bool:
        """Whether the platform now says so."""
        ...

    def alarms(self, names: Sequence[str]) -> list[Alarm]:
        """How these alarms stand; one that the platform does not know is missing in the answer."""
        ...
