"""Executions on one machine: rows that the local worker runs (the Workflows port on PostgreSQL)."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg.types.json import Json

from shared.domain.errors import Permanent, Retryable
from shared.domain.executions import Execution
from shared.domain.payloads import bounded_text

MACHINES = Path(__file__).parents[2] / "statemachines"


class Connections(Protocol):
    """A pool, or anything else that lends connections of bidproof_platform."""

    def connection(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """Lend one."""
        ...


class LocalWorkflows:
    """Workflows over schema local_platform; `machines` is the folder of the *.asl.json files."""

    def __init__(self, pool: Connections, machines: Path = MACHINES) -> None:
        self._pool = pool
        self._machines = machines

    def start(self, machine: str, *, name: str, input: Mapping[str, Any]) -> str:
        """Start, or return the running execution of this name; a closed name also counts as started (W15).

        The execution keeps its copy of the definition. Raises Permanent WF_PAYLOAD_TOO_LARGE above 200 KiB and
        INTERNAL_ERROR for an unknown machine.
        """
        definition = self._definition(machine)
        bounded_text(input)
        document = json.loads(definition)
        values = {
            "id": f"{machine}:{name}",
            "machine": machine,
            "name": name,
            "hash": hashlib.sha256(definition.encode()).hexdigest(),
            "definition": definition,
            "input": Json(dict(input)),
            "timeout": document.get("TimeoutSeconds"),
            "start_at": document["StartAt"],
        }
        with self._transaction() as connection:
            connection.execute(
                """
                insert into local_platform.definitions (definition_hash, definition) values (%(hash)s, %(definition)s)
                on conflict do nothing""",
                values,
            )
            connection.execute(
                """
                with started as (
                  insert into local_platform.executions (execution_id, machine, name, definition_hash, input, deadline)
                  values (%(id)s, %(machine)s, %(name)s, %(hash)s, %(input)s,
                          clock_timestamp() + %(timeout)s * interval '1 second')
                  on conflict do nothing returning execution_id)
                insert into local_platform.frames (execution_id, state, phase, data, due_at)
                select execution_id, %(start_at)s, 'enter', %(input)s, clock_timestamp() from started""",
                values,
            )
            connection.execute("select pg_notify('bidproof_work', '')")
        return str(values["id"])

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """Answer a waiting callback; False when the wait is gone, answered or timed out (W90).

        Raises Permanent WF_PAYLOAD_TOO_LARGE above 200 KiB.
        """
        bounded_text(output)
        return self._answer(token, {"output": dict(output)})

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """Fail a waiting callback under an error name that Retry and Catch match; False as in `succeed`."""
        return self._answer(token, {"error": error, "cause": cause})

    def heartbeat(self, token: str) -> bool:
        """Prolong a waiting callback by its heartbeat time; False as in `succeed`."""
        with self._transaction() as connection:
            return bool(
                connection.execute(
                    """
                    update local_platform.tokens t
                       set heartbeat_at = clock_timestamp() + heartbeat_seconds * interval '1 second'
                      from local_platform.frames f join local_platform.executions e using (execution_id)
                     where t.token = %s and t.answer is null and t.timeout_at > clock_timestamp()
                       and (t.heartbeat_at is null or t.heartbeat_at > clock_timestamp())
                       and f.frame_id = t.frame_id and e.status = 'RUNNING'""",
                    [token],
                ).rowcount
            )

    def stop(self, execution_ref: str, *, cause: str) -> None:
        """Stop a running execution; stopping a closed one does nothing. Steps at work notice when they write."""
        with self._transaction() as connection:
            connection.execute(
                """
                update local_platform.executions
                   set status = 'ABORTED', error = 'Stopped', cause = %s, ended_at = clock_timestamp()
                 where execution_id = %s and status = 'RUNNING'""",
                [cause, execution_ref],
            )

    def describe(self, execution_ref: str) -> Execution | None:
        """How the execution stands, or None when there is none of this reference."""
        with self._transaction() as connection:
            row = connection.execute(
                """select status, started_at, ended_at, error from local_platform.executions
                    where execution_id = %s""",
                [execution_ref],
            ).fetchone()
        if row is None:
            return None
        status, started_at, ended_at, error = row
        return Execution(
            ref=execution_ref, status=status.lower(), started_at=started_at, ended_at=ended_at, error=error
        )

    def _definition(self, machine: str) -> str:
        try:
            return (self._machines / f"{machine}.asl.json").read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise Permanent("INTERNAL_ERROR", f"there is no state machine {machine}") from error

    def _answer(self, token: str, answer: Mapping[str, Any]) -> bool:
        """Write the answer first and wake the line after: whoever works on the line then waits for this commit."""
        with self._transaction() as connection:
            row = connection.execute(
                """
                update local_platform.tokens t set answer = %s
                  from local_platform.frames f join local_platform.executions e using (execution_id)
                 where t.token = %s and t.answer is null and t.timeout_at > clock_timestamp()
                   and (t.heartbeat_at is null or t.heartbeat_at > clock_timestamp())
                   and f.frame_id = t.frame_id and e.status = 'RUNNING'
                returning t.frame_id""",
                [Json(dict(answer)), token],
            ).fetchone()
            if row is None:
                return False
            connection.execute(
                """
                update local_platform.frames set due_at = clock_timestamp()
                 where frame_id in (select frame_id from local_platform.frames
                                     where frame_id = %s and phase = 'token' for update skip locked)""",
                [row[0]],
            )
            connection.execute("select pg_notify('bidproof_work', '')")
        return True

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """Raises Retryable DEPENDENCY_UNAVAILABLE when the database does not answer."""
        try:
            with self._pool.connection() as connection, connection.transaction():
                yield connection
        except psycopg.OperationalError as error:
            raise Retryable("DEPENDENCY_UNAVAILABLE", "the local platform's database did not answer") from error
