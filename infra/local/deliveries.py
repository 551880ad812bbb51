"""Messages and schedules as rows: delivered at least once, in the shape the cloud would send them."""

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Json

from infra.local.asl_errors import StateError
from infra.local.asl_rows import Connection
from infra.local.events import TIMEOUTS, routes
from infra.local.state_machine import Resolve, call
from shared.adapters.local_queue import BUS
from shared.domain.retries import RECEIVE_DELAYS_SECONDS, RECEIVE_LIMIT

TIMEOUT = 60.0  # seconds that a consumer or a scheduled function gets, unless TIMEOUTS says otherwise
DEAD = "-dead"  # the queue of this ending gets what another one could not deliver (W98, W103)
_HELD = 1398095173  # names our advisory locks: one per message that is being delivered
LOG = logging.getLogger(__name__)

_TAKE = """
select message_id, queue, body, receive_count, tenant_id from local_platform.messages
 where not dead and available_at <= statement_timestamp() and queue = any(%(queues)s)
   and (message_id %% 2147483647)::oid not in (
     select objid from pg_locks where locktype = 'advisory' and classid = %(held)s::oid and objsubid = 2
       and database = (select oid from pg_database where datname = current_database()))
 order by available_at, message_id limit 1 for update skip locked"""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that this connection holds; `received` counts this delivery."""

    message_id: int
    queue: str
    body: Any
    received: int
    tenant_id: str | None

    def record(self) -> dict[str, Any]:
        """The message as Lambda hands it over from SQS."""
        tenant = {"tenant_id": {"dataType": "String", "stringValue": self.tenant_id}} if self.tenant_id else {}
        return {
            "messageId": str(self.message_id),
            "body": json.dumps(self.body),
            "attributes": {"ApproximateReceiveCount": str(self.received)},
            "messageAttributes": tenant,
            "eventSourceARN": f"arn:aws:sqs:local:000000000000:{self.queue}",
        }


def deliver_next(connection: Connection, resolve: Resolve, queues: Mapping[str, str]) -> bool:
    """Deliver the message that waits the longest to its queue's function; False when none is available.

    The delivery is counted in a commit of its own before the call, so one that kills its worker counts as well. An
    advisory lock of this connection keeps others away meanwhile and is gone with the process. A message that the
    function raises on, or names in batchItemFailures, comes again later; after five deliveries it is dead (W98).
    """
    with connection.transaction():
        row = connection.execute(_TAKE, {"queues": [BUS, *queues], "held": _HELD}).fetchone()
        if row is None:
            return False
        message = Message(row[0], row[1], row[2], row[3] + 1, row[4])
        if message.queue == BUS:
            send(connection, [(target, message.body) for target in routes(message.body)])
            _delete(connection, message)
            return True
        if message.received > RECEIVE_LIMIT:
            _give_up(connection, message, queues, "its worker ended during each delivery")
            return True
        if not _hold(connection, message):
            return True  # another worker took it between our look and our lock
        connection.execute(
            "update local_platform.messages set receive_count = %s where message_id = %s",
            [message.received, message.message_id],
        )
    problem = _call(resolve, queues[message.queue], message)
    with connection.transaction():
        if problem is None:
            _delete(connection, message)
        else:
            LOG.warning("BP_QUEUE_DELIVERY_FAILED", extra={"message_id": message.message_id, "queue": message.queue})
            _put_back(connection, message, queues, problem)
    connection.execute("select pg_advisory_unlock(%s, %s)", [_HELD, message.message_id % 2147483647])
    return True


def _hold(connection: Connection, message: Message) -> bool:
    row = connection.execute("select pg_try_advisory_lock(%s, %s)", [_HELD, message.message_id % 2147483647]).fetchone()
    return bool(row and row[0])


def _delete(connection: Connection, message: Message) -> None:
    connection.execute("delete from local_platform.messages where message_id = %s", [message.message_id])


def send(connection: Connection, messages: Collection[tuple[str, Any]]) -> None:
    """Put messages on their queues and wake the workers at the commit."""
    for queue, body in messages:
        connection.execute(
            "insert into local_platform.messages (queue, body) values (%s, %s)",
            [queue, Json(body)],
        )
    if messages:
        connection.execute("select pg_notify('bidproof_messages', '')")


def _call(resolve: Resolve, function: str, message: Message) -> str | None:
    try:
        answer = call(resolve, function, {"Records": [message.record()]}, TIMEOUTS.get(function, TIMEOUT))
    except StateError as error:
        return str(error)
    failed = (answer or {}).get("batchItemFailures", [])
    return f"reported by {function}" if failed else None


def _put_back(connection: Connection, message: Message, queues: Mapping[str, str], problem: str) -> None:
    """Later by the event_delivery profile (W20); after the last delivery the message is given up (W98)."""
    if message.received >= RECEIVE_LIMIT:
        _give_up(connection, message, queues, problem)
        return
    delay = RECEIVE_DELAYS_SECONDS[min(message.received, len(RECEIVE_DELAYS_SECONDS)) - 1]
    connection.execute(
        """
        update local_platform.messages
           set last_error = %s, available_at = clock_timestamp() + %s * interval '1 second' where message_id = %s""",
        [problem[:2000], delay, message.message_id],
    )


def _give_up(connection: Connection, message: Message, queues: Mapping[str, str], problem: str) -> None:
    """To the dead-letter queue of its queue, whose consumer makes the row; without one it stays here, dead (W103)."""
    LOG.error("BP_QUEUE_MESSAGE_DEAD", extra={"message_id": message.message_id, "queue": message.queue})
    connection.execute(
        """
        update local_platform.messages set last_error = %(problem)s, available_at = clock_timestamp(),
               queue = case when %(goes)s then queue || %(dead)s else queue end, dead = not %(goes)s,
               receive_count = case when %(goes)s then 0 else receive_count end
         where message_id = %(id)s""",
        {
            "problem": problem[:2000],
            "goes": message.queue + DEAD in queues,
            "dead": DEAD,
            "id": message.message_id,
        },
    )
    connection.execute("select pg_notify('bidproof_messages', '')")


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


def run_schedule(connection: Connection, resolve: Resolve, nudged: Collection[str] = ()) -> str | None:
    """Call the scheduled function that was nudged, or else is due the longest; return its name.

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
            return None
        problem = None
        try:
            event = {"source": "aws.scheduler", "detail": {"function": row[0]}}
            call(resolve, row[0], event, TIMEOUTS.get(row[0], TIMEOUT))
        except StateError as error:
            problem = str(error)
            LOG.warning("BP_SCHEDULE_CALL_FAILED", extra={"schedule": row[0]})
        connection.execute(
            """
            update local_platform.schedules
               set last_error = %s, due_at = clock_timestamp() + every_seconds * interval '1 second'
             where function = %s""",
            [problem, row[0]],
        )
    return str(row[0])
