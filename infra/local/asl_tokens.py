"""Callback tokens of waiting lines: issued before the function is called, answered by anybody, expired by time."""

from typing import Any

from infra.local.asl_errors import StateError
from infra.local.asl_line import Frame
from infra.local.asl_rows import Connection


def issue(connection: Connection, frame: Frame, token: str, *, timeout: float, heartbeat: float | None) -> None:
    """Give the line a token that lives `timeout` seconds, or shorter without heartbeats; an older one is void."""
    retire(connection, frame)
    connection.execute(
        """
        insert into local_platform.tokens (token, frame_id, timeout_at, heartbeat_seconds, heartbeat_at)
        values (%(token)s, %(frame)s, clock_timestamp() + %(timeout)s * interval '1 second', %(heartbeat)s,
                clock_timestamp() + %(heartbeat)s * interval '1 second')""",
        {"token": token, "frame": frame.frame_id, "timeout": timeout, "heartbeat": heartbeat},
    )
    frame.token, frame.phase, frame.due_in = token, "invoke", 0


def retire(connection: Connection, frame: Frame) -> None:
    """Void the line's token."""
    connection.execute("delete from local_platform.tokens where frame_id = %s", [frame.frame_id])


def seconds_left(connection: Connection, frame: Frame) -> float:
    """Seconds until the token times out."""
    row = connection.execute(
        "select extract(epoch from timeout_at - clock_timestamp())::float from local_platform.tokens where token = %s",
        [frame.token],
    ).fetchone()
    return max(0.0, row[0]) if row else 0.0


def take_answer(connection: Connection, frame: Frame) -> dict[str, Any] | None:
    """Return the answer, or None after setting when to look again; the token stays locked until the commit.

    Raises StateError States.Timeout or States.HeartbeatTimeout when the time is over without an answer.
    """
    row = connection.execute(
        """
        select answer, timeout_at <= clock_timestamp(), heartbeat_at <= clock_timestamp(),
               least(timeout_at, heartbeat_at)
          from local_platform.tokens where token = %s for update""",
        [frame.token],
    ).fetchone()
    if row is None:
        raise StateError("States.Runtime", "the token of this line is gone")
    answer, timed_out, silent, next_look = row
    if answer is not None:
        return dict(answer)
    if timed_out:
        raise StateError("States.Timeout", "nobody answered in time")
    if silent:
        raise StateError("States.HeartbeatTimeout", "no heartbeat in time")
    frame.phase, frame.due_in, frame.due_at = "token", None, next_look
    return None
