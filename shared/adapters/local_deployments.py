"""Versions of one machine: rows instead of aliases and alarms (the Deployments port on PostgreSQL).

One machine runs the code of its folder. `aliases` therefore only says which version is in charge: nothing chooses code
by it. What is the same as on AWS: the order, the times, the configuration rows, and that only this adapter writes.
`alarms` holds what somebody (a test, an operator, a probe) set; an alarm without a row is unknown.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import psycopg

from shared.domain.errors import Retryable
from shared.domain.releases import CONFIGURATION, RELEASE, WORKFLOW, Alarm, Versions, split, weight_of
from shared.ports.release_records import LiveConfigurations


class Connections(Protocol):
    """A pool, or anything else that lends connections of bidproof_platform."""

    def connection(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """Lend one."""
        ...


class LocalDeployments:
    """Aliases `workflow_version/<machine>` and `release_version/<function>` in schema local_platform."""

    def __init__(self, pool: Connections, configurations: LiveConfigurations) -> None:
        self._pool, self._configurations = pool, configurations

    def weights(self, candidate: Versions) -> dict[str, int]:
        """Part -> the smallest percentage of new work that its aliases give the candidate now."""
        found = {
            part: weight_of(self._configurations.read(part), candidate.configuration(part)) for part in CONFIGURATION
        }
        for part, versions in _aliases(candidate).items():
            rows = {row[0]: row[1:] for row in self._rows(part)}
            found[part] = min((weight_of(rows.get(name), version) for name, version in versions.items()), default=0)
        return found

    def shift(self, baseline: Versions, candidate: Versions, *, weight: int) -> None:
        """Give the candidate this percentage of new work in all parts, the baseline the rest."""
        for part in CONFIGURATION:
            self._configurations.write(
                part, *split(baseline.configuration(part), candidate.configuration(part), weight)
            )
        for part, versions in _aliases(candidate).items():
            for name, version in versions.items():
                self._write(f"{part}/{name}", *split(_aliases(baseline)[part][name], version, weight))

    def restore(self, part: str, baseline: Versions) -> None:
        """All new work of this part goes to the baseline."""
        if part in CONFIGURATION:
            self._configurations.write(part, baseline.configuration(part), None, 0)
            return
        for name, version in _aliases(baseline)[part].items():
            self._write(f"{part}/{name}", version, None, 0)

    def is_restored(self, part: str, baseline: Versions) -> bool:
        """Whether the rows now say so."""
        if part in CONFIGURATION:
            return self._configurations.read(part) == (baseline.configuration(part), None, 0)
        rows = {row[0]: row[1:] for row in self._rows(part)}
        return all(rows.get(name) == (version, None, 0) for name, version in _aliases(baseline)[part].items())

    def alarms(self, names: Sequence[str]) -> list[Alarm]:
        """How these alarms stand."""
        with self._connection() as connection:
            rows = connection.execute(
                "select name, state, since from local_platform.alarms where name = any (%s) order by name",
                [list(names)],
            ).fetchall()
        return [Alarm(name=name, state=state, since=since) for name, state, since in rows]

    def _rows(self, part: str) -> list[tuple[Any, ...]]:
        with self._connection() as connection:
            rows = connection.execute(
                "select alias, version, candidate, weight from local_platform.aliases where starts_with(alias, %s)",
                [f"{part}/"],
            ).fetchall()
        return [(alias.removeprefix(f"{part}/"), *rest) for alias, *rest in rows]

    def _write(self, alias: str, version: str, candidate: str | None, weight: int) -> None:
        with self._connection() as connection:
            connection.execute(
                """insert into local_platform.aliases (alias, version, candidate, weight) values (%s, %s, %s, %s)
                   on conflict (alias) do update set version = excluded.version, candidate = excluded.candidate,
                     weight = excluded.weight, changed_at = clock_timestamp()""",
                [alias, version, candidate, weight],
            )

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        """Raises Retryable DEPENDENCY_UNAVAILABLE when the database does not answer."""
        try:
            with self._pool.connection() as connection, connection.transaction():
                yield connection
        except psycopg.OperationalError as error:
            raise Retryable("DEPENDENCY_UNAVAILABLE", "the local platform's database did not answer") from error


def _aliases(versions: Versions) -> dict[str, dict[str, str]]:
    return {WORKFLOW: dict(versions.workflows), RELEASE: dict(versions.functions)}
