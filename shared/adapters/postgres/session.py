"""How tenants are kept apart in SQL: every transaction sets its tenant, and row security does the rest (S51)."""

import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg_pool import ConnectionPool

from shared.domain.context import Actor
from shared.domain.errors import CodedError, Permanent, Refused, Retryable

Row = TypeVar("Row")
WAIT_SECONDS = 10.0  # for a connection; the API must refuse before its client gives up
# One round trip for both: only the simple protocol, with parameters bound by the client, takes two statements.
_BEGIN = """begin; select set_config('app.tenant_id', %s, true), set_config('app.actor_id', %s, true),
    set_config('app.trace_id', %s, true)"""
COMMIT = "commit"
_FENCE = """; select pg_advisory_xact_lock_shared(hashtextextended('job|' || %s, 0));
    select 1 from jobs where job_id = %s and case when %s::text is null then error_code is distinct from 'JOB_CANCELED'
      else claim_token = %s and status in ('running', 'retrying') end"""
_RAISED = {"BP001": Refused, "BP002": Permanent, "BP003": Permanent, "BP004": Refused, "BP005": Retryable}


class LivePool(ConnectionPool[psycopg.Connection[Any]]):
    """A pool that after a failover throws its dead idle connections away at once: its own `check` would pause after
    each of them for 1, 2, 4 ... s, and so refuse work for longer than the database was away (F25)."""

    def getconn(self, timeout: float | None = None) -> psycopg.Connection[Any]:
        """Lend a living connection; raises psycopg_pool.PoolTimeout when there is none in time."""
        end = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            connection = super().getconn(max(0.0, end - time.monotonic()))
            try:
                _check(connection)
            except psycopg.OperationalError:
                self.putconn(connection)
                continue
            return connection


def open_pool(
    url: str,
    *,
    size: int,
    password: Callable[[str], str] | None = None,
    kind: type[psycopg.Connection[Any]] = psycopg.Connection,
) -> ConnectionPool[psycopg.Connection[Any]]:
    """A pool without session state and prepared statements, as RDS Proxy wants it (design section 8).

    A connection that the server closed is replaced before it is lent; who gets none in 10 s is refused one.
    `password` is asked with the URL for each new connection: a token of IAM is good for 15 minutes."""
    always = {"prepare_threshold": None, "autocommit": True}
    return LivePool(
        url,
        connection_class=kind,
        min_size=1,
        max_size=size,
        open=True,
        timeout=WAIT_SECONDS,
        kwargs=always if password is None else lambda: always | {"password": password(url)},
    )


def _check(connection: psycopg.Connection[Any]) -> None:
    """An idle connection has something to read only when the server ended it or has a notice: then ask it, which
    raises OperationalError. Otherwise no round trip is spent."""
    if select.select([connection.fileno()], [], [], 0)[0]:
        ConnectionPool.check_connection(connection)


def translate(error: psycopg.Error) -> CodedError:
    """The typed error for a database failure; our own triggers raise codes of the catalogue as BP00x."""
    kind = _RAISED.get(error.sqlstate or "")
    if kind is not None:
        return kind(str(error.diag.message_primary))
    if isinstance(error, (psycopg.OperationalError, psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable)):
        return Retryable("DEPENDENCY_UNAVAILABLE", "the database did not answer")
    raise error


@contextmanager
def _rolled_back_on_error(connection: psycopg.Connection[Any]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if not connection.closed:
            connection.rollback()
        raise


class Session:
    """Transactions of one actor. Calls inside `transaction()` share it; others open a short one each.

    `behind`: another session whose fence, as it stands at each begin, holds here too. `nudge` is called after
    the commit of each transaction that published events."""

    def __init__(
        self,
        pool: ConnectionPool[psycopg.Connection[Any]],
        actor: Actor,
        *,
        behind: "Session | None" = None,
        nudge: Callable[[], None] | None = None,
    ) -> None:
        self._pool, self._behind, self._nudge = pool, behind, nudge
        self.published = False  # whether the open transaction wrote to the outbox
        self.actor = actor
        self._connection: psycopg.Connection[Any] | None = None
        self._commit: Callable[[], None] | None = None
        self._fence: tuple[str, str | None] | None = None
        self.audit_entries: list[dict[str, Any]] = []  # of the open transaction; gone when it is rolled back

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction under the tenant's setting; nested calls join the outer one.

        Raises Retryable DEPENDENCY_UNAVAILABLE when the database is out."""
        if self._connection is not None:
            yield
            return
        try:
            with self._pool.connection() as connection, _rolled_back_on_error(connection):
                self._connection = connection
                self._begin(connection)
                yield
                if self._commit is None:
                    connection.execute(COMMIT)
                else:
                    self._commit()
            if self.published and self._nudge is not None:
                self._nudge()  # the relay need not wait for its minute (W96)
        except psycopg.Error as error:
            raise translate(error) from error
        finally:
            self._connection = None
            self._commit = None
            self.audit_entries.clear()
            self.published = False

    def fence(self, job_id: str | None, run_id: str | None = None) -> None:
        """From now on each transaction begins only while the run owns the living job (W7, W109); without a run only
        while nobody has canceled the job, for what is noted about a step after its end. None takes the fence away.

        It holds a shared lock on the job's name, for which whoever ends the job from outside waits first
        (`Jobs.get(alone=True)`): so nothing of a step is committed after a cancel."""
        self._fence = None if job_id is None else (job_id, run_id)

    def _begin(self, connection: psycopg.Connection[Any]) -> None:
        """Raises Refused JOB_CANCELED for a fenced session whose job ended or belongs to another run."""
        scope = (self.actor.tenant_id, self.actor.actor_id, self.actor.trace_id)
        cursor = psycopg.ClientCursor(connection)
        fence = (self._behind or self)._fence
        if fence is None:
            cursor.execute(_BEGIN, scope)
            return
        job_id, run_id = fence
        cursor.execute(_BEGIN + _FENCE, (*scope, job_id, job_id, run_id, run_id))
        while cursor.nextset():
            pass
        if cursor.rowcount != 1:
            raise Refused("JOB_CANCELED", "the job ended or belongs to another run", details={"job_id": job_id})

    def commit_by(self, action: Callable[[], None]) -> None:
        """Let the action end the open transaction: it writes its last rows and sends COMMIT with them (audit, S84)."""
        if self._connection is None or self._commit is not None:
            raise RuntimeError("one action ends an open transaction")
        self._commit = action

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """The open transaction's connection, or that of a short transaction."""
        with self.transaction():
            assert self._connection is not None
            yield self._connection

    def rows(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """All rows as dicts; parameters are named %(name)s in the text."""
        with self.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, params).fetchall()

    def row(self, query: str, **params: Any) -> dict[str, Any] | None:
        """The first row as a dict, or None."""
        found = self.rows(query, **params)
        return found[0] if found else None

    def all(self, kind: type[Row], query: str, **params: Any) -> list[Row]:
        """All rows as objects of the dataclass; columns must match its fields."""
        with self.connection() as connection, connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(query, params).fetchall()

    def first(self, kind: type[Row], query: str, **params: Any) -> Row | None:
        """The first row as an object of the dataclass, or None."""
        found = self.all(kind, query, **params)
        return found[0] if found else None

    def execute(self, query: str, **params: Any) -> int:
        """Run one statement and return how many rows it touched."""
        with self.connection() as connection:
            return connection.execute(query, params).rowcount

    def many(self, query: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run one statement for many rows in a pipeline."""
        if rows:
            with self.connection() as connection, connection.cursor() as cursor:
                cursor.executemany(query, rows)
