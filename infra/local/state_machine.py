"""Runs our state machine files with our handlers; every result is a row before anything follows from it (W130)."""

import importlib.util
import json
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg

from infra.local import asl_rows, asl_tokens
from infra.local.asl_data import through_json
from infra.local.asl_definition import CALLBACK, Definition, InvalidDefinition, function_of, read_definition
from infra.local.asl_errors import StateError, handler_error
from infra.local.asl_line import NO_TIMEOUT, Frame, Line
from infra.local.asl_rows import Connection

Handler = Callable[[Any, Any], Any]
Resolve = Callable[[str], Handler]


def resolve_function(name: str) -> Handler:
    """Return functions.<name>.handler.handler; raises LookupError when there is none, ImportError when it is broken."""
    if importlib.util.find_spec(f"functions.{name}") is None:
        raise LookupError(f"there is no function {name}")
    handler: Handler = importlib.import_module(f"functions.{name}.handler").handler
    return handler


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """What Lambda hands to a handler beside the event."""

    function_name: str
    aws_request_id: str
    ends_at: float

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the caller gives up."""
        return max(0, int((self.ends_at - time.monotonic()) * 1000))


def _resolved(resolve: Resolve, name: str) -> Handler:
    """Raises StateError under the names that Lambda has for a function that is not there or cannot be imported."""
    try:
        return resolve(name)
    except LookupError as error:
        raise StateError("Lambda.ResourceNotFoundException", handler_error(error).cause) from error
    except (ImportError, AttributeError) as error:
        raise StateError("Runtime.ImportModuleError", handler_error(error).cause) from error


def call(resolve: Resolve, name: str, event: Any, seconds: float) -> Any:
    """Call a function in a thread of its own, through JSON both ways.

    Raises StateError named as Lambda would name it; States.Timeout at the limit, when a late result is dropped.
    """
    box: list[Any] = []
    context = LambdaContext(name, str(uuid.uuid4()), time.monotonic() + seconds)

    def work() -> None:
        try:
            box.append(_resolved(resolve, name)(event, context))
        except StateError as error:
            box.append(error)
        except Exception as error:
            box.append(handler_error(error))

    event = through_json(event)
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    thread.join(min(seconds, threading.TIMEOUT_MAX))
    if not box and thread.is_alive():
        raise StateError("States.Timeout", json.dumps({"errorMessage": f"{name} took longer than {seconds} s"}))
    if not box:
        raise StateError("Runtime.ExitError", json.dumps({"errorMessage": f"{name} ended without a result"}))
    if isinstance(box[0], StateError):
        raise box[0]
    return through_json(box[0])


class StateMachine:
    """Takes due lines of executions one at a time; any number of threads and processes may share the rows.

    A line is claimed by a row lock that lives as long as its connection, so the lines of a killed process are free
    at once and their Tasks are called again, as Lambda may; never while this process still works on them.
    """

    def __init__(self, resolve: Resolve = resolve_function) -> None:
        self._resolve = resolve
        self._definitions: dict[str, Definition] = {}
        self._busy: set[int] = set()
        self._lock = threading.Lock()

    def run_next(self, connection: Connection, *, quick: bool = False) -> bool:
        """Claim one due line and bring it to its next durable place; False when none is due.

        `quick` takes only lines that wait for no function, so an answered review never queues behind long Tasks.
        """
        with self._lock:
            busy = tuple(self._busy)
        with connection.transaction():
            frame = asl_rows.claim(connection, quick=quick, busy=busy)
            if frame is None:
                return False
            if self._is_ours(frame.frame_id):
                try:
                    self._run(connection, frame)
                finally:
                    self._busy.discard(frame.frame_id)
        return True

    def _is_ours(self, frame_id: int) -> bool:
        """A killed database frees the lines whose functions go on running here; nobody else begins those meanwhile."""
        with self._lock:
            is_new = frame_id not in self._busy
            self._busy.add(frame_id)
        return is_new

    def _run(self, connection: Connection, frame: Frame) -> None:
        started = time.monotonic()
        try:
            definition = self._definition(connection, frame)
        except InvalidDefinition as error:
            frame.failure, frame.phase = StateError("States.Runtime", str(error)), "done"
        else:
            line = Line(definition, frame, lambda: frame.now + timedelta(seconds=time.monotonic() - started))
            try:
                self._advance(connection, line)
            except psycopg.Error:  # the database is not the execution's fault: the row lock goes, the line stays due
                raise
            except Exception as error:
                frame.failure, frame.phase = StateError("States.Runtime", handler_error(error).cause), "done"
        self._write(connection, frame)

    def _advance(self, connection: Connection, line: Line) -> None:
        phase = line.frame.phase
        if phase == "enter" and line.state["Type"] not in ("Task", "Map"):
            line.walk()
            if line.frame.phase != "enter":
                return
        if phase == "wait":
            line.waited()
            return
        try:
            if phase == "children":
                self._gather(connection, line)
            elif phase in ("invoke", "token"):
                self._callback(connection, line)
            elif line.state["Type"] == "Map":
                self._fan_out(connection, line)
            elif line.state["Type"] == "Task":
                self._task(connection, line)
        except StateError as error:
            state = line.frame.state
            line.fail(error)
            line.frame.keeps_items = (
                phase == "children" and line.frame.failure is not None and line.frame.state == state
            )
            if phase == "children" and not line.frame.keeps_items:
                asl_rows.drop_items(connection, line.frame)

    def _task(self, connection: Connection, line: Line) -> None:
        timeout = line.seconds("TimeoutSeconds", NO_TIMEOUT)
        if line.state["Resource"] == CALLBACK:
            beats = "HeartbeatSeconds" in line.state or "HeartbeatSecondsPath" in line.state
            heartbeat = line.seconds("HeartbeatSeconds", NO_TIMEOUT) if beats else None
            token = secrets.token_urlsafe(48)
            asl_tokens.issue(connection, line.frame, token, timeout=timeout, heartbeat=heartbeat)
            return
        line.succeed(call(self._resolve, function_of(line.state), line.event(), timeout))

    def _callback(self, connection: Connection, line: Line) -> None:
        frame = line.frame
        try:
            if frame.phase == "invoke":
                left = asl_tokens.seconds_left(connection, frame)
                call(self._resolve, function_of(line.state), line.event(), left)
            answer = asl_tokens.take_answer(connection, frame)
        except StateError:
            asl_tokens.retire(connection, frame)
            raise
        if answer is None:
            return
        asl_tokens.retire(connection, frame)
        if "error" in answer:
            raise StateError(answer["error"], answer["cause"])
        line.succeed(through_json(answer["output"]))

    def _fan_out(self, connection: Connection, line: Line) -> None:
        frame = line.frame
        values, inputs, at_once = line.items()
        if not values:
            line.succeed([])
            return
        frame.maps += 1
        asl_rows.start_children(connection, frame, line.state["ItemProcessor"]["StartAt"], values, inputs)
        asl_rows.activate(connection, frame.frame_id, frame.maps, at_once)
        frame.phase, frame.due_in, frame.due_at = "children", None, None
        connection.execute("select pg_notify('bidproof_work', '')")

    def _gather(self, connection: Connection, line: Line) -> None:
        frame = line.frame
        failure, frame.answer = frame.answer, None
        if failure:
            raise StateError(failure["error"], failure["cause"])
        line.succeed(asl_rows.gather(connection, frame))
        asl_rows.drop_items(connection, frame)

    def _write(self, connection: Connection, frame: Frame) -> None:
        if frame.phase != "done":
            asl_rows.save(connection, frame)
        elif frame.parent_id is None:
            asl_rows.end_execution(connection, frame)
        else:
            asl_rows.end_item(connection, frame)

    def _definition(self, connection: Connection, frame: Frame) -> Definition:
        known = self._definitions.get(frame.definition_hash)
        if known is None:
            row = connection.execute(
                "select definition from local_platform.definitions where definition_hash = %s", [frame.definition_hash]
            ).fetchone()
            assert row is not None
            known = self._definitions[frame.definition_hash] = read_definition(row[0])
        return known
