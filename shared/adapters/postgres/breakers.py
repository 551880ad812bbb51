"""Circuit breakers shared by all processes, by database time (spec W26; the rules stand in domain/breakers.py)."""

from datetime import timedelta
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from shared.adapters.postgres.session import translate
from shared.domain.breakers import FAILURES_TO_OPEN, OPEN_TIME, PROBE_TIME, WINDOW

# A second caller waits for the row of the first and then sees its probe, so exactly one gets through.
ADMIT = """
with probe as (
  update circuit_breakers set probing_until = clock_timestamp() + %(probe)s, updated_at = clock_timestamp()
   where name = %(name)s and opened_at <= clock_timestamp() - %(open)s
     and (probing_until is null or probing_until <= clock_timestamp()) returning 1)
select exists (select from probe)
  or not exists (select from circuit_breakers where name = %(name)s and opened_at is not null)"""
FAILED = """
insert into circuit_breakers as b (name, failed_at) values (%(name)s, array[clock_timestamp()])
on conflict (name) do update set
  failed_at = case when b.opened_at is not null then b.failed_at
    else (b.failed_at || clock_timestamp())[greatest(1, cardinality(b.failed_at) + 2 - %(count)s):] end,
  opened_at = case
    when b.opened_at is not null then case when b.probing_until is null then b.opened_at else clock_timestamp() end
    when cardinality(b.failed_at) >= %(count)s - 1
      and b.failed_at[cardinality(b.failed_at) + 2 - %(count)s] >= clock_timestamp() - %(window)s
      then clock_timestamp() end,
  probing_until = null, updated_at = clock_timestamp()"""
SUCCEEDED = """
update circuit_breakers set failed_at = '{}', opened_at = null, probing_until = null, updated_at = clock_timestamp()
 where name = %(name)s and probing_until is not null"""


class PostgresBreakers:
    """The Breakers port of outbound_calls; each call is one statement in a transaction of its own."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> None:
        self._pool = pool

    def admit(self, name: str) -> bool:
        """Whether a call to `name` may be made; an open breaker lets one probe through after 30 s.

        Raises Retryable DEPENDENCY_UNAVAILABLE when the database is out."""
        found = self._run(ADMIT, name=name, probe=PROBE_TIME, open=OPEN_TIME)
        return bool(found and found[0])

    def failed(self, name: str) -> None:
        """Note a failure; the fifth within 60 s opens the breaker, a failed probe opens it again."""
        self._run(FAILED, name=name, count=FAILURES_TO_OPEN, window=WINDOW)

    def succeeded(self, name: str) -> None:
        """Note a success; that of a probe closes the breaker."""
        self._run(SUCCEEDED, name=name)

    def _run(self, statement: str, **params: str | int | timedelta) -> tuple[Any, ...] | None:
        try:
            with self._pool.connection() as connection:
                cursor = connection.execute(statement, params)
                return cursor.fetchone() if cursor.description else None
        except psycopg.Error as error:
            raise translate(error) from error
