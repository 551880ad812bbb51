"""Releases in the platform's rows: record, steps, evidence, replays, live configurations and the switch (spec D89)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from shared.domain.releases import DatasetVersion, GateRun, Release, ReleaseStep
from shared.domain.replays import Replay, ReplayCase


class ReleaseReplays(Protocol):
    """Rows of `release_replays` and `replay_cases`."""

    def open(self, replay: Replay, *, seconds: int) -> Replay:
        """Insert it, or replace run and token of the open one of the same rollback."""
        ...

    def open_ones(self) -> Sequence[Replay]:
        """Those that nobody compared yet; `is_late` by the database's clock."""
        ...

    def get(self, release_id: str, rollback_no: int) -> Replay | None:
        """One of them."""
        ...

    def add_case(self, replay: Replay, case: ReplayCase) -> None:
        """Insert a case."""
        ...

    def cases(self, replay: Replay) -> Sequence[ReplayCase]:
        """Its cases."""
        ...

    def close(self, replay: Replay, status: str, differences: Sequence[Mapping[str, Any]]) -> bool:
        """open -> passed or failed; False when it was closed before."""
        ...


class WorkSwitch(Protocol):
    """Whether people may ask for new work; every tenant reads it, the platform turns it."""

    def reason(self) -> str | None:
        """Why new work is closed, None while it is open."""
        ...

    def close(self, reason: str) -> None:
        """Refuse new work from now on with SERVICE_READ_ONLY."""
        ...

    def open(self) -> None:
        """Accept it again."""
        ...


class LiveConfigurations(Protocol):
    """Which version of a configuration part is live, and for which percentage its candidate is."""

    def read(self, part: str) -> tuple[str, str | None, int] | None:
        """Version, candidate, weight of the candidate; None before any release named the part."""
        ...

    def chosen(self, subject: str) -> dict[str, str]:
        """Part -> the version that new work about the subject is pinned to; empty before any release named one."""
        ...

    def write(self, part: str, version: str, candidate: str | None, weight: int) -> None:
        """Set all three."""
        ...


class Releases(Protocol):
    """Rows of `releases`, `release_steps` and their evidence; only sessions of the platform's tenant see any. The
    state of a release changes with `moves.release`."""

    @property
    def replays(self) -> ReleaseReplays: ...

    @property
    def configurations(self) -> LiveConfigurations: ...

    @property
    def switch(self) -> WorkSwitch: ...

    def add(self, release: Release) -> Release:
        """Insert a draft; raises Refused CODE_TAKEN for a version that is known."""
        ...

    def get(self, release_id: str, *, lock: bool = False) -> Release:
        """The release; raises Refused RELEASE_NOT_FOUND."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> Sequence[Release]:
        """Newest first, ids below `before`; filters by status."""
        ...

    def change(self, release: Release, **changes: Any) -> Release:
        """Change columns but the state; raises Refused VERSION_CONFLICT."""
        ...

    def steps(self, release_id: str) -> Sequence[ReleaseStep]:
        """All steps in their order."""
        ...

    def begin_step(self, step: ReleaseStep) -> ReleaseStep:
        """Insert the next step, begun now; a step of a rollback that was begun before is returned as it is."""
        ...

    def end_step(self, step: ReleaseStep, **changes: Any) -> ReleaseStep:
        """End the step now with what came of it."""
        ...

    def gate_run(self, gate_run_id: str) -> GateRun | None:
        """A stored run of a measurement."""
        ...

    def dataset(self, dataset_version: str) -> tuple[DatasetVersion | None, Sequence[dict[str, Any]]]:
        """A version with its samples."""
        ...

    def now(self) -> datetime:
        """The time of the database, which decides (F31)."""
        ...
