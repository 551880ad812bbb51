"""The rows of executions: claim a due line, write where it stands, gather Maps, keep tokens."""

from collections.abc import Collection
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Json

from infra.local.asl_errors import StateError
from infra.local.asl_line import Frame

Connection = psycopg.Connection[Any]
QUICK = ("token", "wait", "children")  # phases that call no function

_FRAME = """
select f.frame_id, f.execution_id, f.parent_id, f.item_index, f.item_value, f.round, f.maps, f.state, f.phase, f.data,
       f.entered_at, f.attempts, f.retry_count, f.token, f.answer, e.name, e.input, e.definition_hash,
       clock_timestamp() as now
  from local_platform.frames f
  join local_platform.executions e using (execution_id)
  left join local_platform.frames p on p.frame_id = f.parent_id
"""
_CLAIM = f"""{_FRAME}
 where f.due_at <= statement_timestamp() and e.status = 'RUNNING' and (%(all)s or f.phase = any(%(quick)s))
   and f.frame_id <> all(%(busy)s)
   and (f.parent_id is null or (p.phase = 'children' and p.maps = f.round and p.answer is null))
 order by f.due_at limit 1 for update of f skip locked"""


def claim(connection: Connection, *, quick: bool, busy: Collection[int] = ()) -> Frame | None:
    """Lock the line that is due the longest and nobody works on; `quick` leaves out lines that call a function.

    `busy` are the lines that this process works on: with the connection it may have lost the lock of one."""
    with connection.cursor(row_factory=class_row(Frame)) as cursor:
        return cursor.execute(_CLAIM, {"all": not quick, "quick": list(QUICK), "busy": list(busy)}).fetchone()


def load(connection: Connection, frame_id: int) -> Frame:
    """Read a line without locking it."""
    with connection.cursor(row_factory=class_row(Frame)) as cursor:
        found = cursor.execute(f"{_FRAME} where f.frame_id = %s", [frame_id]).fetchone()
    assert found is not None
    return found


def save(connection: Connection, frame: Frame) -> None:
    """Write where the line stands; when its execution has ended meanwhile the line stays where it stood before."""
    connection.execute(
        """
        with running as (select from local_platform.executions
                          where execution_id = %(execution)s and status = 'RUNNING' for share)
        update local_platform.frames
           set state = %(state)s, phase = %(phase)s, data = %(data)s, entered_at = %(entered_at)s,
               attempts = %(attempts)s, retry_count = %(retries)s, token = %(token)s, answer = null,
               maps = %(maps)s,
               due_at = coalesce(clock_timestamp() + %(due_in)s * interval '1 second', %(due_at)s)
         where frame_id = %(frame)s and exists (select from running)""",
        {
            "execution": frame.execution_id,
            "state": frame.state,
            "phase": frame.phase,
            "data": Json(frame.data),
            "entered_at": frame.entered_at,
            "attempts": Json(frame.attempts),
            "retries": frame.retry_count,
            "token": frame.token,
            "maps": frame.maps,
            "due_in": frame.due_in,
            "due_at": frame.due_at,
            "frame": frame.frame_id,
        },
    )


def end_execution(connection: Connection, frame: Frame) -> None:
    """Close the execution of a root line with its output or failure, unless it is closed already."""
    failure = frame.failure
    connection.execute(
        """
        update local_platform.executions
           set status = %s, output = %s, error = %s, cause = %s, ended_at = clock_timestamp()
         where execution_id = %s and status = 'RUNNING'""",
        [
            "FAILED" if failure else "SUCCEEDED",
            None if failure else Json(frame.data),
            failure.error or None if failure else None,  # a Fail without words names nothing
            failure.cause or None if failure else None,
            frame.execution_id,
        ],
    )
    if failure is None:
        connection.execute("delete from local_platform.frames where frame_id = %s", [frame.frame_id])
    else:
        keep_failed(connection, frame)


def keep_failed(connection: Connection, frame: Frame) -> None:
    """Leave a failed line at its failed state for a redrive: a Map with its items, an item as one yet to begin."""
    phase = "children" if frame.keeps_items else "done" if frame.parent_id is None else "pending"
    connection.execute(
        """
        update local_platform.frames
           set state = %s, phase = %s, data = %s, maps = %s, attempts = '{}', retry_count = 0, token = null,
               answer = null, due_at = null
         where frame_id = %s""",
        [frame.state, phase, Json(frame.data), frame.maps, frame.frame_id],
    )


def start_children(connection: Connection, frame: Frame, start_at: str, values: list[Any], inputs: list[Any]) -> None:
    """Insert a line per item, all pending; `activate` lets the first ones go."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into local_platform.frames
                (execution_id, parent_id, item_index, item_value, round, state, phase, data)
            values (%s, %s, %s, %s, %s, %s, 'pending', %s)""",
            [
                (frame.execution_id, frame.frame_id, index, Json(value), frame.maps, start_at, Json(data))
                for index, (value, data) in enumerate(zip(values, inputs, strict=True))
            ],
        )


def activate(connection: Connection, parent_id: int, map_round: int, count: int) -> None:
    """Let the next pending items of a Map begin, lowest index first."""
    connection.execute(
        """
        update local_platform.frames set phase = 'enter', due_at = clock_timestamp(), entered_at = clock_timestamp()
         where frame_id in (select frame_id from local_platform.frames
                             where parent_id = %s and round = %s and phase = 'pending'
                             order by item_index limit %s for update skip locked)""",
        [parent_id, map_round, count],
    )


def end_item(connection: Connection, frame: Frame) -> None:
    """Write an item's end; the last one, or the first that fails, wakes the Map, every other lets the next one go.

    Of an item whose Map went on or whose execution ended nothing is written: `sweep` deletes it, or it runs again.
    """
    parent = connection.execute(
        """
        select p.frame_id from local_platform.frames p join local_platform.executions e using (execution_id)
         where p.frame_id = %s and p.phase = 'children' and p.maps = %s and p.answer is null and e.status = 'RUNNING'
           for update of p""",
        [frame.parent_id, frame.round],
    ).fetchone()
    if parent is None:
        return
    assert frame.parent_id is not None
    if frame.failure:
        keep_failed(connection, frame)
        wake_parent(connection, frame.parent_id, frame.failure)
        return
    connection.execute(
        "update local_platform.frames set phase = 'done', data = %s, due_at = null, token = null where frame_id = %s",
        [Json(frame.data), frame.frame_id],
    )
    activate(connection, frame.parent_id, frame.round, 1)
    open_items = connection.execute(
        "select from local_platform.frames where parent_id = %s and round = %s and phase <> 'done' limit 1",
        [frame.parent_id, frame.round],
    ).rowcount
    if not open_items:
        wake_parent(connection, frame.parent_id, None)


def wake_parent(connection: Connection, parent_id: int, failure: StateError | None) -> None:
    """Make the Map's own line due, with the failure that ends it if there is one."""
    answer = Json({"error": failure.error, "cause": failure.cause}) if failure else None
    connection.execute(
        "update local_platform.frames set answer = %s, due_at = clock_timestamp() where frame_id = %s",
        [answer, parent_id],
    )


def gather(connection: Connection, frame: Frame) -> list[Any]:
    """Return the outputs of a Map's items in order."""
    rows = connection.execute(
        "select data from local_platform.frames where parent_id = %s and round = %s order by item_index",
        [frame.frame_id, frame.maps],
    )
    return [row[0] for row in rows]


def drop_items(connection: Connection, frame: Frame) -> None:
    """Delete the items nobody works on; those at work notice at their end that the Map went on."""
    connection.execute(
        """
        delete from local_platform.frames where frame_id in (
          select frame_id from local_platform.frames where parent_id = %s for update skip locked)""",
        [frame.frame_id],
    )


def sweep(connection: Connection) -> None:
    """Time out executions past their deadline and delete the lines that nothing will ever continue.

    The lines of an execution that did not succeed stay for a redrive, 14 days as on AWS; they are due no more.
    """
    connection.execute("""
        update local_platform.executions
           set status = 'TIMED_OUT', error = 'States.Timeout', ended_at = clock_timestamp()
         where execution_id in (select execution_id from local_platform.executions
                                 where status = 'RUNNING' and deadline <= statement_timestamp()
                                   for update skip locked)""")
    connection.execute("""
        delete from local_platform.frames where frame_id in (
          select f.frame_id from local_platform.frames f
            join local_platform.executions e using (execution_id)
            left join local_platform.frames p on p.frame_id = f.parent_id
           where e.status = 'SUCCEEDED' or e.ended_at < clock_timestamp() - interval '14 days'
                 or (f.parent_id is not null
                     and (p.frame_id is null or p.phase <> 'children' or p.maps <> f.round))
             for update of f skip locked)""")
    connection.execute("""
        with ended as (
          update local_platform.frames set due_at = null, token = null where frame_id in (
            select f.frame_id from local_platform.frames f
              join local_platform.executions e using (execution_id)
             where (f.due_at is not null or f.token is not null) and e.status <> 'RUNNING'
               for update of f skip locked)
          returning frame_id)
        delete from local_platform.tokens using ended where tokens.frame_id = ended.frame_id""")


def forget_old(connection: Connection) -> None:
    """Delete executions that ended 90 days ago; until then their names stay taken (W15)."""
    connection.execute("delete from local_platform.executions where ended_at < clock_timestamp() - interval '90 days'")
