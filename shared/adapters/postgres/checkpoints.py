"""Graph checkpoints in PostgreSQL under the tenant's row security, as JSON of allowed types (spec W76, W81, D78)."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.types import Interrupt
from psycopg import Cursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from shared.adapters.postgres.session import Session
from shared.domain.context import Actor
from shared.domain.errors import Permanent, Retryable

FORMAT = "bp-json-1"
INTERRUPT, ERROR = "$interrupt", "$error"


class JsonOnly:
    """The serializer of the graph: JSON, interrupts and the names of errors; everything else is refused.

    Reading never builds an object from a name that stands in the data, so a hostile row can do nothing (W81)."""

    def dumps_typed(self, value: Any) -> tuple[str, bytes]:
        """Format name and UTF-8 JSON; raises TypeError for a type that is not allowed."""
        return FORMAT, json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value; raises Permanent DATA_CORRUPTED for another format or broken JSON."""
        if data[0] != FORMAT:
            raise Permanent("DATA_CORRUPTED", f"checkpoint data in format {data[0]!r}")
        try:
            return _value(json.loads(data[1]))
        except ValueError as error:
            raise Permanent("DATA_CORRUPTED", "checkpoint data is not JSON") from error


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) and not key.startswith("$") for key in value):
            raise TypeError("keys of checkpoint data are strings that do not start with $")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Interrupt):
        return {INTERRUPT: {"id": value.id, "value": _plain(value.value)}}
    if isinstance(value, BaseException):
        # The library notes a failed node here; the message may quote a document, so only the kind is kept.
        return {ERROR: type(value).__name__}
    raise TypeError(f"{type(value).__name__} is not allowed in a checkpoint")


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_value(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if plain.keys() == {INTERRUPT}:
        return Interrupt(value=_value(plain[INTERRUPT]["value"]), id=plain[INTERRUPT]["id"])
    if plain.keys() == {ERROR}:
        return RuntimeError(plain[ERROR])
    return {key: _value(item) for key, item in plain.items()}


class TenantSaver(PostgresSaver):
    """The library's saver with every statement group in a transaction that has set its tenant.

    The tables come from our migrations; `setup()` is refused, because the application role owns no table.
    `behind` is the session of the step that works: what its fence refuses, no checkpoint is written for (W109)."""

    def __init__(
        self, pool: ConnectionPool[psycopg.Connection[Any]], actor: Actor, *, behind: Session | None = None
    ) -> None:
        super().__init__(pool, serde=JsonOnly())
        self._pool, self._actor, self._behind = pool, actor, behind
        self._open = threading.local()

    def setup(self) -> None:
        """Refused: migration 0005 makes the tables."""
        raise RuntimeError("checkpoint tables are made by the migrations")

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save the checkpoint that follows the thread's newest one.

        Raises Retryable DEPENDENCY_UNAVAILABLE when it follows an older one: a worker that lost the database may still
        be at the thread while its successor goes on, and two lines of checkpoints would mix (W10, F25)."""
        session = self._open.session = self._session()
        try:
            with session.transaction():
                self._check_newest(session, config["configurable"])
                return super().put(config, checkpoint, metadata, new_versions)
        finally:
            self._open.session = None

    def _session(self) -> Session:
        return Session(self._pool, self._actor, behind=self._behind)

    @staticmethod
    def _check_newest(session: Session, place: Mapping[str, Any]) -> None:
        named = {"thread": place["thread_id"], "space": place["checkpoint_ns"]}
        session.execute("select pg_advisory_xact_lock(hashtextextended('thread|' || %(thread)s, 0))", **named)
        newest = session.row(
            """select checkpoint_id from checkpoints where thread_id = %(thread)s and checkpoint_ns = %(space)s
               order by checkpoint_id desc limit 1""",
            **named,
        )
        if newest is not None and newest["checkpoint_id"] != place.get("checkpoint_id"):
            raise Retryable("DEPENDENCY_UNAVAILABLE", f"another worker is at thread {place['thread_id']}")

    @contextmanager
    def _cursor(self, *, pipeline: bool = False) -> Iterator[Cursor[DictRow]]:
        """A binary cursor inside one transaction of the tenant; raises Retryable DEPENDENCY_UNAVAILABLE and, behind a
        fence, Refused JOB_CANCELED."""
        session = getattr(self._open, "session", None) or self._session()
        with session.connection() as connection, connection.cursor(binary=True, row_factory=dict_row) as cursor:
            if pipeline:
                with connection.pipeline():
                    yield cursor
            else:
                yield cursor


def checkpoint_bytes(value: Any) -> int:
    """How many bytes a state takes in the checkpoint tables (limit of W80)."""
    return len(JsonOnly().dumps_typed(value)[1])
