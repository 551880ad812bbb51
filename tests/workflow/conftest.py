"""A machine shop: start executions of small definitions on a worker with plain functions as handlers."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

from infra.local import asl_line
from infra.local.asl_errors import retry_delay
from infra.local.postgres import Databases
from infra.local.worker import Worker
from shared.adapters.local_workflows import LocalWorkflows

T = TypeVar("T")
PATIENCE = 20.0  # seconds after which a test gives up; no test measures how long something took


@dataclass
class Execution:
    """How an execution ended."""

    status: str
    output: Any
    error: str | None
    cause: str | None


@dataclass(frozen=True)
class Direct:
    """Lends a new connection each time."""

    url: str

    def connection(self) -> psycopg.Connection[Any]:
        """A connection that commits when left."""
        return psycopg.connect(self.url)


@dataclass
class Shop:
    """Functions by name, and executions of definitions over them."""

    url: str
    folder: Path
    functions: dict[str, Callable[[Any, Any], Any]] = field(default_factory=dict)

    @property
    def workflows(self) -> LocalWorkflows:
        """The port's adapter on this database."""
        return LocalWorkflows(Direct(self.url), self.folder)

    def start(self, definition: Mapping[str, Any], data: Any = None, name: str | None = None) -> str:
        """Start an execution of the definition and return its reference."""
        machine = f"m{uuid.uuid4().hex}"
        (self.folder / f"{machine}.asl.json").write_text(json.dumps(definition))
        return self.workflows.start(machine, name=name or uuid.uuid4().hex, input=data or {})

    def look(self, ref: str) -> Execution:
        """The execution as it is now."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(
                "select status, output, error, cause from local_platform.executions where execution_id = %s", [ref]
            ).fetchone()
        assert row is not None
        return Execution(*row)

    def wait(self, ref: str) -> Execution:
        """The execution after its end."""
        return until(lambda: found if (found := self.look(ref)).status != "RUNNING" else None)

    def run(self, definition: Mapping[str, Any], data: Any = None) -> Execution:
        """Start, wait and return the end."""
        return self.wait(self.start(definition, data))

    def output(self, definition: Mapping[str, Any], data: Any = None) -> Any:
        """The output of an execution that has to succeed."""
        ended = self.run(definition, data)
        assert ended.status == "SUCCEEDED", ended
        return ended.output

    def resolve(self, name: str) -> Callable[[Any, Any], Any]:
        """The function of this name; KeyError when there is none."""
        return self.functions[name]


def until(probe: Callable[[], T | None]) -> T:
    """Ask until there is an answer."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = probe()
        if found is not None:
            return found
        time.sleep(0.01)
    raise AssertionError("nothing happened")


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A worker takes up every job and message that it finds: each module has a database of its own."""
    return own_databases


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come at once: the least a definition may ask for is a second."""

    def at_once(*arguments: Any) -> tuple[str, float] | None:
        found = retry_delay(*arguments)
        return None if found is None else (found[0], 0.0)

    monkeypatch.setattr(asl_line, "retry_delay", at_once)


@pytest.fixture
def idle_shop(databases: Databases, tmp_path: Path) -> Shop:
    """A shop without a worker, its tables empty."""
    with psycopg.connect(databases.platform_url) as connection:
        connection.execute("""
            truncate local_platform.executions, local_platform.frames, local_platform.tokens,
                     local_platform.messages, local_platform.schedules""")
    return Shop(databases.platform_url, tmp_path)


@pytest.fixture
def shop(idle_shop: Shop) -> Iterator[Shop]:
    """A shop with a running worker of four threads."""
    worker = Worker(idle_shop.url, threads=4, resolve=idle_shop.resolve, queues={}, schedules={})
    worker.start()
    yield idle_shop
    assert worker.stop()


@pytest.fixture
def tokens(shop: Shop) -> Callable[[str], str]:
    """Function `ask` keeps the token it gets under `key`; the fixture returns a getter that waits for it."""
    kept: dict[str, str] = {}
    arrived = threading.Condition()

    def ask(event: Any, _context: Any) -> dict[str, str]:
        with arrived:
            kept[event["key"]] = event["token"]
            arrived.notify_all()
        return {"ignored": "a callback's function returns nothing to the machine"}

    def get(key: str) -> str:
        with arrived:
            assert arrived.wait_for(lambda: key in kept, PATIENCE), "no token arrived"
            return kept.pop(key)

    shop.functions["ask"] = ask
    return get
