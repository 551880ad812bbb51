"""The Sweeps port, as the role bidproof_sweep: reads ids and states of all tenants, writes heartbeats (W111-W120)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from shared.adapters.postgres.session import translate
from shared.adapters.postgres.sweep_queries import DRAWN, NUDGES, QUERIES, TURN_SECONDS
from shared.domain.errors import CodedError
from shared.domain.sweeps import STOP_BELOW_SECONDS, SWEEP_ROWS, Candidate, Heartbeat, Swept

Found = TypeVar("Found")
DESCRIBED_ROWS = 50
LOST_RACES = ("VERSION_CONFLICT", "WF_STATE_TRANSITION_INVALID")  # another one moved the row between look and lock
# The portion of this hour or day, in an order that does not change when rows do.
TURN = """
select tenant_id, subject_type, subject_id, observed
from (select c.*, row_number() over (order by tenant_id, subject_id) - 1 as place, count(*) over () as total
      from ({query}) c) ranked
where place / %(rows)s = floor(extract(epoch from clock_timestamp()) / %(every)s)::bigint
    %% ceil(total / %(rows)s::numeric)::bigint
order by place"""
BEAT = """
insert into sweep_heartbeats as h (sweep, last_run_at, last_ok_at, found, repaired, error_code)
values (%(sweep)s, clock_timestamp(), case when %(code)s::text is null then clock_timestamp() end, %(found)s,
    %(repaired)s, %(code)s)
on conflict (sweep) do update set last_run_at = excluded.last_run_at,
    last_ok_at = coalesce(excluded.last_ok_at, h.last_ok_at), found = h.found + excluded.found,
    repaired = h.repaired + excluded.repaired, error_code = excluded.error_code"""


class PostgresSweeps:
    """The Sweeps port."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> None:
        self._pool = pool

    def find(self, sweep: str) -> list[Candidate]:
        """At most 500 candidates, the oldest first; of executions 50, drawn by lot; of all rows the hour's portion."""
        if sweep in TURN_SECONDS:
            return self._read(TURN.format(query=QUERIES[sweep]), {"rows": SWEEP_ROWS, "every": TURN_SECONDS[sweep]})
        drawn = sweep in DRAWN
        query = f"""select c.tenant_id, c.subject_type, c.subject_id, c.observed from ({QUERIES[sweep]}) c
            where not exists (select from reconcile_findings f where f.tenant_id = c.tenant_id and f.sweep = %s
              and f.subject_id = c.subject_id and f.created_at > clock_timestamp() - %s * interval '1 second')
            order by {"random()" if drawn else "c.since"} limit %s"""
        limit = DESCRIBED_ROWS if drawn else SWEEP_ROWS
        return self._read(query, (sweep, NUDGES.get(sweep, 0), limit))

    def each(
        self,
        sweep: str,
        find: Callable[[], Sequence[Found]],
        repair: Callable[[Found], bool],
        *,
        time_left: Callable[[], float],
    ) -> Swept:
        """Repair one after another while time remains; the heartbeat is written whatever happens."""
        found = repaired = 0
        last: str | None = None
        code: str | None = "INTERNAL_ERROR"  # unless this goes well or fails with a code of its own
        try:
            candidates = find()
            code, found = None, len(candidates)
            for candidate in candidates:
                if time_left() < STOP_BELOW_SECONDS:
                    break
                last, code = code, "INTERNAL_ERROR"
                try:
                    repaired += repair(candidate)
                    code = last
                except CodedError as error:
                    code = last if error.code in LOST_RACES else error.code
        except CodedError as error:
            code = error.code
        finally:
            self._beat(sweep, found, repaired, code)
        return Swept(sweep=sweep, found=found, repaired=repaired, error_code=code)

    def heartbeats(self) -> list[Heartbeat]:
        """When each sweep ran last."""
        with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Heartbeat))
            names = ", ".join(f.name for f in fields(Heartbeat) if f.name != "read_at")
            query = f"select {names}, clock_timestamp() as read_at from sweep_heartbeats order by sweep"
            return cursor.execute(query).fetchall()

    def watch(self, sweeps: Sequence[str]) -> None:
        """Begin to wait for the heartbeats of sweeps that have none yet."""
        with self._pool.connection() as connection:
            connection.execute(
                """insert into sweep_heartbeats (sweep, last_run_at) select s, clock_timestamp()
                   from unnest(%s::text[]) s on conflict do nothing""",
                (list(sweeps),),
            )

    def _read(self, query: str, params: Mapping[str, Any] | Sequence[Any]) -> list[Candidate]:
        try:
            with self._pool.connection() as connection:
                return connection.cursor(row_factory=class_row(Candidate)).execute(query, params).fetchall()
        except psycopg.OperationalError as error:
            raise translate(error) from error

    def _beat(self, sweep: str, found: int, repaired: int, code: str | None) -> None:
        with self._pool.connection() as connection:
            connection.execute(BEAT, {"sweep": sweep, "found": found, "repaired": repaired, "code": code})
