"""The product as its own processes in an empty folder, and what those processes hold."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from infra.local.embedded_server import stop_server
from infra.local.ports import free_port
from infra.local.product import Prepared, Product, prepare
from shared.domain.context import Actor
from shared.settings import LocalOptions
from shared.wiring.local import LocalServices
from shared.wiring.parts import Parts

ROLES = frozenset({"admin", "agent", "evaluator"})
PATIENCE = 1800.0  # seconds until a measurement gives up


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What API and worker with all their descendants hold: proportional memory in MB, processes, threads."""

    memory_mb: float
    processes: int
    threads: int


class Running:
    """A running product; use cases are called from this process, as the API would."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared, self.made = prepared, LocalServices(prepared.settings)
        self.tenant_id = prepared.tenant.tenant_id

    def parts(self, role: str = "agent") -> Parts:
        """The parts of one call of the demo tenant's person with this role."""
        user = self.prepared.tenant.user_ids[role]
        return self.made.bind(Actor(tenant_id=self.tenant_id, actor_id=user, roles=ROLES, trace_id="b" * 32))

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the tenant."""
        with psycopg.connect(self.prepared.databases.owner_url) as connection:
            connection.execute("select set_config('app.tenant_id', %s, true)", (self.tenant_id,))
            return connection.execute(query, values).fetchall()

    def wait(self, met: Callable[[], bool]) -> None:
        """Look every 0.2 s until it holds; raises TimeoutError after half an hour."""
        end = time.monotonic() + PATIENCE
        while not met():
            if time.monotonic() > end:
                raise TimeoutError("the measurement does not end")
            time.sleep(0.2)

    def held(self) -> Held:
        """Of the children of this process and theirs, the database apart."""
        found = [pid for pid in descendants(os.getpid()) if (pid / "comm").read_text().strip() != "postgres"]
        return Held(
            memory_mb=round(sum(number(pid / "smaps_rollup", "Pss:") for pid in found) / 1024, 1),
            processes=len(found),
            threads=sum(number(pid / "status", "Threads:") for pid in found),
        )


def descendants(root: int) -> list[Path]:
    """Folders in /proc of the processes below this one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    family = {root}
    for pid in sorted(parents):  # a child has the higher number but for the wrap of them all
        if parents[pid] in family:
            family.add(pid)
    return [Path("/proc") / str(pid) for pid in sorted(family - {root})]


def number(path: Path, name: str) -> int:
    """The number behind a name in a file of /proc; kB for memory."""
    return next(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(name))


@contextmanager
def running() -> Iterator[Running]:
    """Start it on a durable (fsync) embedded server; everything is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(LocalOptions(data_dir=Path(folder), port=free_port()))
        product = Product(prepared, log_dir=Path(folder) / "logs")
        product.start()
        made = Running(prepared)
        try:
            yield made
        finally:
            made.made.pool.close()
            product.stop()
            stop_server(Path(folder).resolve() / "postgres")
