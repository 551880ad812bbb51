"""Functions that fail as a test says, a log of what was called, and retries that come at once."""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from infra.local.asl_errors import StateError
from infra.local.state_machine import Handler, resolve_function
from shared.adapters.local_workflows import MACHINES

Fault = Callable[[Callable[[], Any]], Any]


def task_states(machine: str) -> list[str]:
    """The Task states of a machine's file, those inside of Maps too."""

    def among(states: Mapping[str, Any]) -> Iterator[str]:
        for name, state in states.items():
            if state["Type"] == "Task":
                yield name
            elif state["Type"] == "Map":
                yield from among(state["ItemProcessor"]["States"])

    return list(among(json.loads((MACHINES / f"{machine}.asl.json").read_text(encoding="utf-8"))["States"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One call of a step's function; `item` is empty outside of a Map."""

    job_id: str
    state: str
    item: str
    attempt: int


@dataclass
class Faults:
    """Gives a worker the real functions; the n-th call of a state for one job and item meets its n-th fault.

    `plan` is asked once for each call, with the try and how many calls of this state, job and item came before."""

    plan: Callable[[Try, int], Fault | None] = lambda tried, before: None
    tries: list[Try] = field(default_factory=list)
    _calls: dict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def resolve(self, name: str) -> Handler:
        """The function of this name, with its faults."""
        function = resolve_function(name)

        def handler(event: Any, context: Any) -> Any:
            if not isinstance(event, Mapping) or "scope" not in event:
                return function(event, context)
            scope = event["scope"]
            tried = Try(
                job_id=scope["job_id"],
                state=scope["state"],
                item=str(scope.get("item", "")),
                attempt=scope["attempt"],
            )
            fault = self._next(tried)
            return function(event, context) if fault is None else fault(lambda: function(event, context))

        return handler

    def _next(self, tried: Try) -> Fault | None:
        key = (tried.job_id, tried.state, tried.item)
        with self._lock:
            before, self._calls[key] = self._calls[key], self._calls[key] + 1
            self.tries.append(tried)
        return self.plan(tried, before)

    def attempts(self, job_id: str, state: str, item: str = "") -> list[int]:
        """The attempt numbers under which the state was called, in order."""
        return [each.attempt for each in self.tries if (each.job_id, each.state, each.item) == (job_id, state, item)]

    def items(self, job_id: str, state: str) -> list[str]:
        """The items of a Map's state that were called."""
        return sorted({each.item for each in self.tries if (each.job_id, each.state) == (job_id, state)})


def times_out(name: str = "Sandbox.Timedout") -> Fault:
    """The function does nothing until its time is over."""

    def fault(_run: Callable[[], Any]) -> Any:
        raise StateError(name, '{"errorMessage": "the function ran out of time"}')

    return fault


def times_out_after_work(name: str = "Sandbox.Timedout") -> Fault:
    """The function has saved everything when its time is over: only the machine does not hear of it."""

    def fault(run: Callable[[], Any]) -> Any:
        run()
        raise StateError(name, '{"errorMessage": "the function ran out of time"}')

    return fault


@contextmanager
def hurried(platform_url: str) -> Iterator[None]:
    """Inside, the pauses before retries are over as soon as they are rows: a test moves their due times."""
    stop = threading.Event()

    def hurry() -> None:
        while not stop.wait(0.02):
            try:
                with psycopg.connect(platform_url, autocommit=True) as connection:
                    while not stop.wait(0.02):
                        skip_pauses(connection)
            except psycopg.OperationalError:  # a test that kills connections kills this one too
                continue

    thread = threading.Thread(target=hurry, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def skip_pauses(connection: psycopg.Connection[Any]) -> int:
    """Make every line that waits for its retry due now; how many there were."""
    moved = connection.execute(
        """
        update local_platform.frames set due_at = clock_timestamp() where frame_id in (
          select frame_id from local_platform.frames where phase = 'retry' and due_at > clock_timestamp()
             for update skip locked)"""
    ).rowcount
    if moved:
        connection.execute("select pg_notify('bidproof_work', '')")
    return moved


class Failing:
    """An adapter one method of which raises these errors first, one per call, and then works."""

    def __init__(self, real: Any, method: str, errors: list[Exception]) -> None:
        self._real, self._method, self._errors = real, method, errors

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name != self._method:
            return found

        def call(*given: Any, **named: Any) -> Any:
            if self._errors:
                raise self._errors.pop(0)
            return found(*given, **named)

        return call


class Parsers:
    """The product's parsers, each seen through `around`; `asked` are the page ranges they were given."""

    def __init__(self, real: Any, around: Callable[[Any], Any] = lambda parser: parser) -> None:
        self._real, self._around = real, around
        self.asked: list[tuple[int, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def parser_for(self, media_type: str) -> Any:
        """The real parser of the type, seen through `around` and counted."""
        return _Counted(self._around(self._real.parser_for(media_type)), self.asked)

    def close(self) -> None:
        """End the child processes."""
        self._real.close()


class _Counted:
    def __init__(self, real: Any, asked: list[tuple[int, int]]) -> None:
        self._real, self._asked = real, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def parse(self, path: Any, media_type: str, first: int, last: int) -> Any:
        """As the parser's."""
        self._asked.append((first, last))
        return self._real.parse(path, media_type, first, last)
