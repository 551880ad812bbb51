"""Messages and schedules as rows: delivered at least once, in the shape the cloud would send them."""

import json
import logging
from collections.abc import Collection, Mapping
from typing import Any

from psycopg.types.json import Json

from infra.local.asl_errors import StateError
from infra.local.asl_rows import Connection
from infra.local.events import routes
from infra.local.state_machine import Resolve, call
from shared.adapters.local_queue import BUS
from shared.domain.retries import RECEIVE_DELAYS_SECONDS, RECEIVE_LIMIT

TIMEOUT = 60.0  # seconds that a consumer or a scheduled function gets
LOG = logging.getLogger(__name__)


def deliver_next(connection: Connection, resolve: Resolve, queues: Mapping[str, str]) -> bool:
    """Deliver the message that waits the longest to its queue's function; False when none is available.

    The row stays locked meanwhile, so a killed process gives it back at once. A message that the function raises on,
    or names in batchItemFailures, comes again later; after five deliveries it is dead.
    """
    with connection.transaction():
        row = connection.execute(
            """
            select message_id, queue, body, receive_count from local_platform.messages
             where not dead and available_at <= statement_timestamp() and queue = any(%s)
             order by available_at limit 1 for update skip locked""",
            [[BUS, *queues]],
        ).fetchone()
        if row is None:
            return False
        message_id, queue, body, received = row
        if queue == BUS:
            send(connection, [(target, body) for target in routes(body)])
            problem = None
        else:
            problem = _deliver(resolve, queues[queue], message_id, body, received + 1)
        if problem is None:
            connection.execute("delete from local_platform.messages where message_id = %s", [message_id])
        else:
            LOG.warning("message %s of %s failed: %s", message_id, queue, problem)
            _put_back(connection, message_id, received + 1, problem)
    return True


def send(connection: Connection, messages: Collection[tuple[str, Any]]) -> None:
    """Put messages on their queues and wake the workers at the commit."""
    for queue, body in messages:
        connection.execute(
            "insert into local_platform.messages (queue, body) values (%s, %s)",
            [queue, Json(body)],
        )
    if messages:
        connection.execute("select pg_notify('bidproof_messages', '')")


def _deliver(resolve: Resolve, function: str, message_id: int, body: Any, received: int) -> str | None:
    record = {
        "messageId": str(message_id),
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": str(received)},
    }
    try:
        answer = call(resolve, function, {"Records": [record]}, TIMEOUT)
    except StateError as error:
        return str(error)
    failed = (answer or {}).get("batchItemFailures", [])
    return f"reported by {function}" if failed else None


def _put_back(connection: Connection, message_id: int, received: int, problem: str) -> None:
    """Later by the event_delivery profile (W20); after the last delivery the message is dead, for a person (W98)."""
    delay = RECEIVE_DELAYS_SECONDS[min(received, len(RECEIVE_DELAYS_SECONDS)) - 1]
    connection.execute(
        """
        update local_platform.messages
           set receive_count = %s, dead = %s, last_error = %s,
               available_at = clock_timestamp() + %s * interval '1 second'
         where message_id = %s""",
        [received, received >= RECEIVE_LIMIT, problem[:2000], delay, message_id],
    )


def register_schedules(connection: Connection, schedules: Mapping[str, float]) -> None:
    """Make the table of schedules equal to the one given; due times of known ones stay."""
    with connection.transaction():
        connection.execute("delete from local_platform.schedules where not function = any(%s)", [list(schedules)])
        for function, seconds in schedules.items():
            connection.execute(
                """
                insert into local_platform.schedules (function, every_seconds) values (%s, %s)
                on conflict (function) do update set every_seconds = excluded.every_seconds""",
                [function, seconds],
            )


def run_schedule(connection: Connection, resolve: Resolve, nudged: Collection[str] = ()) -> bool:
    """Call the scheduled function that was nudged, or else is due the longest; False when there is none.

    Two workers never run one schedule at the same time. A failure is noted in the row and the next call is on time.
    """
    with connection.transaction():
        row = connection.execute(
            """
            select function from local_platform.schedules
             where due_at <= statement_timestamp() or function = any(%s)
             order by function = any(%s) desc, due_at limit 1 for update skip locked""",
            [list(nudged), list(nudged)],
        ).fetchone()
        if row is None:
            return False
        problem = None
        try:
            call(resolve, row[0], {"source": "aws.scheduler", "detail": {"function": row[0]}}, TIMEOUT)
        except StateError as error:
            problem = str(error)
            LOG.warning("schedule %s failed: %s", row[0], problem)
        connection.execute(
            """
            update local_platform.schedules
               set last_error = %s, due_at = clock_timestamp() + every_seconds * interval '1 second'
             where function = %s""",
            [problem, row[0]],
        )
    return True
