"""The product over a data folder of its own, evaluations under way, and kill -9 at moments drawn from a seed."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg

from infra.local.embedded_server import stop_server
from infra.local.ports import free_port
from infra.local.product import Prepared, Product, prepare
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.system import derive_key
from shared.domain.context import Actor
from shared.settings import LocalOptions
from tests.chaos.kills import Kills
from tests.chaos.people import People, decisions
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import clock, ids, pool
from tests.rows import a_project

STARTERS = 4
EACH_UPLOAD = 5  # evaluations per uploaded document
WORKER_THREADS = 8  # fewer than a worker has, and more connections than the API makes
RELENTLESS = 0.2  # of the kills come while the last victims are still away
ENDED = ("report_generated", "rejected", "failed", "canceled", "parked")
PATIENCE = 600.0  # seconds for what is left to do after the last kill
REVIVE_EVERY = 0.2


@dataclass
class Storm:
    """A running product, who uses it, and the kills so far."""

    prepared: Prepared
    seed: int
    people: People = field(init=False)
    kills: Kills = field(init=False)
    chance: random.Random = field(init=False)
    revived: Counter[str] = field(default_factory=Counter)
    calls_project: str = ""  # its documents are uploaded meanwhile
    is_down: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.people = People(self.prepared, self.rows)
        self.kills = Kills(self.prepared, is_over=lambda: self.is_down())

    @property
    def tenant_id(self) -> str:
        """Whose rows are counted."""
        return self.prepared.tenant.tenant_id

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the tenant as the owner sees them; asked again while the database is away."""
        return self._ask(self.prepared.databases.owner_url, query, *values)

    def platform(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the local platform."""
        return self._ask(self.prepared.databases.platform_url, query)

    def _ask(self, url: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with psycopg.connect(url) as connection:
                    connection.execute("select set_config('app.tenant_id', %s, true)", (self.tenant_id,))
                    return connection.execute(query, values).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(REVIVE_EVERY)

    def bids(self, count: int) -> Seed:
        """A project with so many bids whose documents are indexed, as rows."""
        who = Actor(tenant_id=self.tenant_id, actor_id=ids.new("usr"), trace_id="c" * 32)
        key = derive_key(self.prepared.settings.master_key.encode(), "audit")
        databases = self.prepared.databases
        records = PostgresRecords(pool(databases.app_url), who, clock=clock, ids=ids, audit_key=key)
        seed = Seed(records, limit_and_judged(), url=databases.app_url)
        for number in range(count):
            seed.bid(f"S-{number}", *BID)
        self.calls_project = a_project(records)
        pool(databases.app_url).close()
        return seed

    def rage(self, evaluations: int, kinds: Sequence[str], *, longest: float, patience: float = 3600.0) -> None:
        """Start evaluations and uploads while processes die; pauses between kills are up to `longest` seconds.

        After `patience` seconds nothing more is killed; `kills.done` says what was.
        Raises what a person's thread raised, and TimeoutError when the work does not end."""
        tender = self.bids(evaluations)
        self.kills.put_gates()
        files = [(f"call-{number}.txt", text_of(number)) for number in range(max(2, evaluations // EACH_UPLOAD))]
        suppliers = [supplier for (supplier,) in self.rows("select supplier_id from suppliers order by supplier_id")]
        waiting = list(zip(suppliers, decisions(evaluations, self.chance), strict=True))
        stopped, calls, end = threading.Event(), list[Future[None]](), time.monotonic() + patience
        with ThreadPoolExecutor(STARTERS + 1) as crowd:
            reader = crowd.submit(self.people.answer_all, stopped)
            try:
                for number, kind in enumerate(kinds, 1):
                    for supplier, decision in _share(waiting, number, len(kinds)):
                        calls.append(crowd.submit(self.people.start, tender, supplier, decision))
                    for name, content in _share(files, number, len(kinds)):
                        calls.append(crowd.submit(self.people.upload, self.calls_project, name, content))
                    if time.monotonic() > end:
                        continue
                    if self.chance.random() > RELENTLESS:
                        self._wait_for_rest(lambda: reader.done() or self._is_whole())
                    time.sleep(self.chance.uniform(0.1, longest))
                    self.kills.kill(kind)
                    say(f"{number}/{len(kinds)} {kind}; {len(self.people.submitted)} reviews answered")
                for call in calls:
                    call.result()
                self._wait_for_rest(lambda: reader.done() or self._is_done())
                self._wait_for_rest(lambda: reader.done() or self._is_quiet())
            finally:
                stopped.set()
            reader.result()

    def _is_whole(self) -> bool:
        """The API answers, and the threads of a worker have connected."""
        try:
            answer = httpx.get(f"{self.prepared.settings.public_url}/health/ready", timeout=2)
        except httpx.TransportError:
            return False
        connected = self.platform("select from pg_stat_activity where usename = 'bidproof_platform'")
        return answer.status_code == 200 and len(connected) > WORKER_THREADS

    def _is_done(self) -> bool:
        states = self.rows("select status from evaluations")
        return all(status in ENDED for (status,) in states)

    def _is_quiet(self) -> bool:
        """No job, message, event or execution is under way."""
        busy = self.rows("""select from jobs where status not in ('succeeded', 'failed', 'canceled') union all
                            select from outbox_events where status = 'pending'""")
        return not busy and not self.platform("""select from local_platform.messages where not dead union all
                                select from local_platform.executions where status = 'RUNNING'""")

    def _wait_for_rest(self, met: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not met():
            if time.monotonic() > end or self.is_down():
                raise TimeoutError("the work did not end")
            time.sleep(0.05)


Lot = TypeVar("Lot")


def _share(lots: Sequence[Lot], number: int, of: int) -> Sequence[Lot]:
    """The number-th of so many equal shares."""
    return lots[len(lots) * (number - 1) // of : len(lots) * number // of]


def text_of(number: int) -> bytes:
    """A call for bids of one page, another one for each number."""
    lines = [f"{line}. Station {number} has {line + 2} platforms." for line in range(12)]
    return "\n\n".join(["# Call for bids", *lines]).encode()


def say(line: str) -> None:
    """How far it is, with the time; a long run shows where it stands."""
    print(time.strftime("%H:%M:%S"), line, flush=True)


@contextmanager
def storm_over(folder: Path, seed: int) -> Iterator[Storm]:
    """A product that is revived as `make up` does; everything has ended after the block."""
    prepared = prepare(LocalOptions(data_dir=folder, port=free_port()))
    product, stopped = Product(prepared, log_dir=folder / "logs"), threading.Event()
    storm = Storm(prepared, seed)

    def keep_up() -> None:
        while not stopped.wait(REVIVE_EVERY):
            again = product.revive()
            storm.revived.update(again)
            if again:
                say(f"started again: {', '.join(again)}")

    with ThreadPoolExecutor(1) as parent:
        try:
            product.start()
            keeping = parent.submit(keep_up)
            storm.is_down = keeping.done
            yield storm
            stopped.set()
            keeping.result()
        finally:
            stopped.set()
            parent.shutdown()
            product.stop()
            stop_server(folder.resolve() / "postgres")
