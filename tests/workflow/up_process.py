"""`make up` as a process of its own, to be killed in parts, and ways to hold its work at a chosen point."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import psycopg

from infra.local.demo_client import Client
from infra.local.local_secrets import ensure_secrets
from infra.local.ports import free_port
from infra.local.postgres import DATABASE

T = TypeVar("T")
CHECKOUT = Path(__file__).parents[2]
PATIENCE = 90.0  # seconds after which a test gives up; no test measures how long something took
GATES = {"blocks": ("insert", 1), "index_writes": ("update", 2), "verdicts": ("insert", 3)}
READY = "Ctrl-C stops it"
TOKEN = re.compile(r"token of the demo tenant's (\w+), [^\n]*\n  (\S+)")


def until(probe: Callable[[], T | None]) -> T:
    """Ask until there is an answer; while a server is away there is none."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            found = probe()
        except (httpx.TransportError, psycopg.OperationalError):
            found = None
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing happened")


class Up:
    """One data folder and port, and the product that runs there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = folder.with_suffix(".out")
        self.client = Client(self.url, lambda role: self.tokens[role])
        self.tokens: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(self) -> subprocess.Popen[bytes]:
        """`make up` without waiting for anything; its output goes to a file."""
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment |= {"DATA_DIR": str(self.folder), "PORT": str(self.port)}
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "infra.local"],
                cwd=CHECKOUT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start it and read the tokens it prints."""
        process = self._process = self.spawn()

        def greeted() -> bool:
            assert process.poll() is None, self.output.read_text()
            return READY in self.output.read_text()

        until(greeted)
        self.tokens = dict(TOKEN.findall(self.output.read_text()))

    def put_gates(self) -> None:
        """Make the steps that write certain tables pass a lock first, which `stopped_at` can hold; only once."""
        with self.database() as connection:
            for table, (event, key) in GATES.items():
                connection.execute(
                    f"""create function gate_{key}() returns trigger language plpgsql as $$
                        begin perform pg_advisory_xact_lock_shared({key}); return null; end $$;
                        create trigger gate before {event} on {table}
                        for each statement execute function gate_{key}()"""
                )

    def finish(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE)

    def clean(self) -> None:
        """Leave nothing running, however the test went."""
        for process in self.processes():
            kill_if_there(process)

    def pid(self, name: str) -> int:
        """The process id of `parent`, `api`, `worker` or `postgres`."""
        if name == "postgres":
            return int((self.folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        assert self._process is not None
        if name == "parent":
            return self._process.pid
        children = psutil.Process(self._process.pid).children()
        return next(child.pid for child in children if f"infra.local.{name}" in child.cmdline())

    def parsers(self) -> list[psutil.Process]:
        """The parser processes of the worker."""
        return psutil.Process(self.pid("worker")).children()

    def processes(self) -> list[psutil.Process]:
        """All of them: the parent, its descendants, the database and its descendants."""
        roots = [self._process.pid] if self._process else []
        if (self.folder / "postgres" / "postmaster.pid").exists():
            roots.append(self.pid("postgres"))
        found = []
        for pid in roots:
            if psutil.pid_exists(pid):
                found += [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return found

    def kill(self, name: str) -> None:
        """kill -9 one process and see it gone; the parent's is buried here."""
        process = psutil.Process(self.pid(name))
        process.kill()
        if name == "parent":
            assert self._process is not None
            self._process.wait()
        until(lambda: is_gone(process))

    def kill_everything(self) -> None:
        """kill -9 all processes at once."""
        processes = self.processes()
        for process in processes:
            kill_if_there(process)
        assert self._process is not None
        self._process.wait()
        until(lambda: all(is_gone(process) for process in processes))

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        """The product's database as its superuser, whom row security lets through; closed at the end, whatever."""
        lines = (self.folder / "postgres" / "postmaster.pid").read_text().splitlines()
        password = ensure_secrets(self.folder, ["postgres"])["postgres"]
        connection = psycopg.connect(
            host=lines[4].strip(),
            user="postgres",
            password=password,
            dbname=DATABASE,
            autocommit=True,
            options="-c lock_timeout=60s",  # a mistake in a test must not hang it
        )
        try:
            yield connection
        finally:
            connection.close()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of one query."""
        with self.database() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def stopped_at(self, table: str) -> Iterator[Callable[[], Any]]:
        """Inside, the step that writes the table stands still in its transaction; the function given waits until
        one stands there."""
        key = GATES[table][1]
        with self.database() as connection:
            connection.execute("select pg_advisory_lock(%s)", [key])
            query = "select from pg_locks where locktype = 'advisory' and objid = %s and not granted"
            yield lambda: until(lambda: connection.execute(query, [key]).rowcount)


def kill_if_there(process: psutil.Process) -> None:
    """kill -9; one that ended by itself meanwhile is as good (a backend, the child of a killed one)."""
    with suppress(psutil.NoSuchProcess):
        process.kill()


def is_gone(process: psutil.Process) -> bool:
    """Whether it ended; one that nobody buried has ended too."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def write_pack(path: Path) -> Path:
    """A rule pack of one criterion that a rule decides and one that a person must."""
    shared = {
        "parent_code": None,
        "source": {"author_statement": "test"},
        "score_step": "0.5",
        "checklist": [],
        "formula": None,
        "doc_scope": ["bid"],
        "evidence_min": 1,
        "evidence_max": 4,
        "risk": "normal",
        "on_conflict": "needs_human",
        "unit_conversions": {},
    }
    material = {
        "code": "M-1",
        "kind": "required_material",
        "title": {"en": "Certificate", "zh": "证书"},
        "requirement": "A certificate according to ISO 9001 is enclosed",
        "mandatory": True,
        "max_score": "0",
        "test": {"text": {"any": ["certificate"], "near": ["9001"]}, "op": "exists"},
        "rubric": None,
        "model": "never",
        "queries": ["certificate ISO 9001"],
    }
    judged = {
        "code": "J-1",
        "kind": "judged",
        "title": {"en": "Method", "zh": "方法"},
        "requirement": "The method of assembly is described step by step",
        "mandatory": False,
        "max_score": "100",
        "test": None,
        "rubric": {"bands": {"full": "step by step", "mostly": "most", "partly": "some", "not_met": "none"}},
        "model": "allowed",
        "queries": ["method of assembly", "shelving assembled on site"],
    }
    pack = {
        "schema_version": 1,
        "code": "CRASH",
        "name": {"en": "Shelving", "zh": "货架"},
        "language": "en",
        "declared_total": "100",
        "panel_size": 1,
        "criteria": [shared | material, shared | judged],
    }
    path.write_text(json.dumps(pack, ensure_ascii=False), encoding="utf-8")
    return path
