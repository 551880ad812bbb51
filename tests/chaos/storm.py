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
from typing import Any

import psycopg

from infra.local.demo import free_port
from infra.local.embedded_server import stop_server
from infra.local.product import Prepared, Product, prepare
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.system import derive_key
from shared.domain.context import Actor
from shared.settings import LocalOptions
from tests.chaos.kills import Kills
from tests.chaos.people import People, decisions
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import clock, ids, pool

STARTERS = 4
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
        pool(databases.app_url).close()
        return seed

    def rage(self, evaluations: int, kinds: Sequence[str], *, longest: float) -> None:
        """Start evaluations while processes die; pauses between kills are up to `longest` seconds.

        Raises what a person's thread raised, and TimeoutError when the work does not end."""
        tender = self.bids(evaluations)
        self.kills.put_gates()
        suppliers = [supplier for (supplier,) in self.rows("select supplier_id from suppliers order by supplier_id")]
        waiting = list(zip(suppliers, decisions(evaluations, self.chance), strict=True))
        stopped, calls = threading.Event(), list[Future[None]]()
        with ThreadPoolExecutor(STARTERS + 1) as crowd:
            reader = crowd.submit(self.people.answer_all, stopped)
            try:
                for number, kind in enumerate(kinds, 1):
                    share = evaluations * number // len(kinds) - evaluations * (number - 1) // len(kinds)
                    for supplier, decision in [waiting.pop() for _ in range(share)]:
                        calls.append(crowd.submit(self.people.start, tender, supplier, decision))
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
