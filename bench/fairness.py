"""Five jobs of one tenant beside a flood of 1,000 of another: wall time against the five alone (W121, F30)."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.results import write
from functions.entry import Handler
from infra.local.postgres import Databases, ensure_database
from infra.local.product import SLOTS_PER_HANDLER
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.context import Actor
from shared.wiring import services
from tests.failures import cheap_jobs
from tests.product import running_product
from tests.records import new_tenant

FLOOD, FEW, ROUNDS = 1000, 5, 3
THREADS, UNTIED = 4, 200  # handlers of the worker; slots of an environment whose functions are always free
STEP_SECONDS = 0.05  # what each of the three steps waits for, as for a parser, a model or an object store


def resolve(name: str) -> Handler:
    """Cheap steps that wait a little."""
    found = cheap_jobs.resolve(name)
    if name not in cheap_jobs.STEPS:
        return found

    def waits(event: Any, context: Any) -> Any:
        time.sleep(STEP_SECONDS)
        return found(event, context)

    return waits


def ended(records: PostgresRecords) -> int:
    """How many jobs of the tenant have ended."""
    return len(records.session.rows("select 1 from jobs where status = 'succeeded'"))


def seconds_for(records: PostgresRecords, count: int) -> float:
    """From the acceptance of so many jobs to the end of the last one."""
    began = time.perf_counter()
    before = ended(records)
    cheap_jobs.accept(records, count)
    while ended(records) < before + count:
        time.sleep(0.01)
    return time.perf_counter() - began


def accepted_by(tenant_id: str) -> PostgresRecords:
    """Records as the API has them: a commit with events rings the relay, which would else look once a second."""
    return services().bind(Actor(tenant_id=tenant_id, actor_id="usr_agent", kind="system")).records


@contextmanager
def product(slots: int) -> Iterator[Databases]:
    """A fresh durable server, a worker of four threads and so many slots."""
    with tempfile.TemporaryDirectory() as folder:
        databases = ensure_database(Path(folder) / "database")
        with running_product(databases, Path(folder), lambda made: cheap_jobs.with_slots(made, slots), resolve=resolve):
            yield databases


def measure(slots: int) -> dict[str, float]:
    """Median seconds of five jobs alone and beside the flood, and their ratio."""
    with product(slots) as databases:
        quiet, loud = (accepted_by(new_tenant(databases)) for _ in range(2))
        alone = median(seconds_for(quiet, FEW) for _ in range(ROUNDS))
        cheap_jobs.accept(loud, FLOOD)
        while ended(loud) < 2 * FEW:
            time.sleep(0.01)
        beside = median(seconds_for(quiet, FEW) for _ in range(ROUNDS))
        left = FLOOD - ended(loud)
    return {"alone_s": round(alone, 2), "beside_s": round(beside, 2), "ratio": round(beside / alone, 2), "left": left}


def main() -> None:
    """With the slots of `make up`, with twice as many, and with 200 (40 for each of the two)."""
    usual = SLOTS_PER_HANDLER * THREADS
    figures = {f"{slots} slots": measure(slots) for slots in (usual, 2 * usual, UNTIED)}
    write(
        "fairness",
        {"flood": FLOOD, "few": FEW, "handlers": THREADS, **figures},
        goal="ratio <= 2 with the slots of make up (W121)",
    )


if __name__ == "__main__":
    main()
