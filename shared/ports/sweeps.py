"""What the reconcilers see of all tenants: ids, states and times (role bidproof_sweep, spec 06 section 12)."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from shared.domain.sweeps import Candidate, Heartbeat, Swept
from shared.ports.reading import ChunkIndex, Embedder, IndexGenerations
from shared.ports.records import Records

Found = TypeVar("Found")


class TenantIndex(Protocol):
    """Rows, index and vectors of one tenant, for a sweep that compares them (W118)."""

    @property
    def records(self) -> Records: ...

    @property
    def index(self) -> ChunkIndex: ...

    @property
    def embedder(self) -> Embedder: ...


class TenantGenerations(TenantIndex, Protocol):
    """A tenant's rows and index with all its generations, for the reindex (R57)."""

    @property
    def generations(self) -> IndexGenerations: ...


class Sweeps(Protocol):
    """Finds candidates across tenants; the repair checks each of them again under its tenant's lock."""

    def find(self, sweep: str) -> Sequence[Candidate]:
        """At most 500 candidates (50 for executions, W113), the oldest first; raises KeyError for an unknown sweep."""
        ...

    def each(
        self,
        sweep: str,
        find: Callable[[], Sequence[Found]],
        repair: Callable[[Found], bool],
        *,
        time_left: Callable[[], float],
    ) -> Swept:
        """Repair one after another while more than 5 s remain, and write the heartbeat, also after a failure.

        A coded error of one repair does not stop the others; `repair` returns False when nothing was wrong."""
        ...

    def heartbeats(self) -> Sequence[Heartbeat]:
        """When each sweep ran last."""
        ...

    def watch(self, sweeps: Sequence[str]) -> None:
        """Begin to wait for the heartbeats of sweeps that have none yet; those that have one are not changed."""
        ...
