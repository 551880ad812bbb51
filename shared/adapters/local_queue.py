"""Messages on one machine: rows that the local worker delivers (the Queue port on PostgreSQL)."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import psycopg
from psycopg.types.json import Json

from shared.domain.errors import Retryable


class LocalQueue:
    """Queue over schema local_platform; `connect` logs in as bidproof_platform."""

    def __init__(self, connect: Callable[[], AbstractContextManager[psycopg.Connection[Any]]]) -> None:
        self._connect = connect

    def send(self, queue: str, message: Mapping[str, Any]) -> None:
        """Put one JSON message on the named queue; raises Retryable DEPENDENCY_UNAVAILABLE without a database."""
        try:
            with self._connect() as connection:
                connection.execute(
                    """
                    with sent as (insert into local_platform.messages (queue, body) values (%s, %s))
                    select pg_notify('bidproof_messages', '')""",
                    [queue, Json(dict(message))],
                )
        except psycopg.OperationalError as error:
            raise Retryable("DEPENDENCY_UNAVAILABLE", "the local platform's database did not answer") from error
