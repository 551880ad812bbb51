"""Redrive: an execution that did not succeed goes on at the state it failed at, a half-done Map with its other items.

As RedriveExecution of Step Functions: the same execution with its own definition and input; results of states and
items that succeeded are kept, retries are counted anew, and the execution's time begins again.
"""

from dataclasses import dataclass

from psycopg.rows import class_row

from infra.local import asl_rows
from infra.local.asl_definition import Definition, read_definition
from infra.local.asl_line import Line
from infra.local.asl_rows import Connection


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one line of the execution stands."""

    frame_id: int
    parent_id: int | None
    round: int
    maps: int
    phase: str


def redrive(connection: Connection, execution_ref: str) -> bool:
    """Let a failed, timed out or stopped execution go on; False when it is none of these or ended 14 days ago.

    Waits for steps that a worker still has at work. A token of the execution before is void, a new one is issued.
    """
    with connection.transaction():
        with connection.cursor(row_factory=class_row(_Place)) as cursor:
            places = cursor.execute(
                """
                select f.frame_id, f.parent_id, f.round, f.maps, f.phase
                  from local_platform.frames f join local_platform.executions e using (execution_id)
                 where e.execution_id = %s and e.status in ('FAILED', 'TIMED_OUT', 'ABORTED')
                   and e.ended_at > clock_timestamp() - interval '14 days'
                 order by f.frame_id for update of f""",
                [execution_ref],
            ).fetchall()
        root = next((place for place in places if place.parent_id is None), None)
        if root is None or not _reopen(connection, execution_ref):
            return False
        connection.execute(
            "delete from local_platform.tokens where frame_id = any(%s)", [[place.frame_id for place in places]]
        )
        _again(connection, root, places, _definition(connection, execution_ref))
        connection.execute("select pg_notify('bidproof_work', '')")
    return True


def _reopen(connection: Connection, execution_ref: str) -> bool:
    """Make it run again with a new deadline as far away as the first was; False when somebody else just did."""
    return bool(
        connection.execute(
            """
            update local_platform.executions
               set status = 'RUNNING', error = null, cause = null, ended_at = null, deadline = clock_timestamp() +
                   (select (definition->>'TimeoutSeconds')::float from local_platform.definitions d
                     where d.definition_hash = executions.definition_hash) * interval '1 second'
             where execution_id = %s and status <> 'RUNNING'""",
            [execution_ref],
        ).rowcount
    )


def _definition(connection: Connection, execution_ref: str) -> Definition:
    row = connection.execute(
        "select definition from local_platform.definitions join local_platform.executions using (definition_hash) "
        "where execution_id = %s",
        [execution_ref],
    ).fetchone()
    assert row is not None
    return read_definition(row[0])


def _again(connection: Connection, place: _Place, places: list[_Place], definition: Definition) -> None:
    """Begin the line's state anew, or the items of its Map that are not done."""
    if place.phase != "children":
        _stand(connection, place, "enter", due=True)
        return
    items = [item for item in places if item.parent_id == place.frame_id and item.round == place.maps]
    left = [item for item in items if item.phase != "done"]
    _stand(connection, place, "children", due=not left)
    inside = [item for item in left if item.phase == "children"]
    for item in inside:
        _again(connection, item, places, definition)
    for item in left:
        if item not in inside:
            _stand(connection, item, "pending", due=False)
    frame = asl_rows.load(connection, place.frame_id)
    at_once = Line(definition, frame, lambda: frame.now).items()[2]
    asl_rows.activate(connection, place.frame_id, place.maps, max(0, at_once - len(inside)))


def _stand(connection: Connection, place: _Place, phase: str, *, due: bool) -> None:
    connection.execute(
        """
        update local_platform.frames
           set phase = %s, attempts = '{}', retry_count = 0, token = null, answer = null,
               entered_at = clock_timestamp(), due_at = case when %s then clock_timestamp() end
         where frame_id = %s""",
        [phase, due, place.frame_id],
    )
