"""One tenant floods 1,000 jobs, another one has five: who has to wait for whom (F30 and W121 of spec 06).

Time is counted in turns, the ends of jobs: as many jobs end in the same time whosever they are."""

from collections.abc import Iterator
from datetime import datetime
from math import ceil
from pathlib import Path

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from tests.failures.cheap_jobs import accept, resolve, with_slots
from tests.failures.waiting import wait_for
from tests.product import running_product
from tests.records import clock, make_records

FEW = 5


def ended(records: PostgresRecords) -> dict[str, datetime]:
    """The ends of the tenant's jobs by id."""
    rows = records.session.rows("select job_id, ended_at from jobs where status = 'succeeded'")
    return {row["job_id"]: row["ended_at"] for row in rows}


@pytest.fixture
def empty(own_databases: Databases) -> Iterator[Databases]:
    """A database in which nothing of another flood is queued."""
    yield own_databases
    with psycopg.connect(own_databases.owner_url) as owner:
        owner.execute("alter table jobs no force row level security")
        owner.execute("update jobs set status = 'canceled' where status in ('queued', 'running', 'retrying')")
        owner.execute("alter table jobs force row level security")


@pytest.mark.parametrize(("slots", "many"), [(4, 1000), (1, 100), (10, 100)])
def test_f30_w121_five_jobs_beside_a_flood_end_within_twice_the_turns_they_need_alone(
    empty: Databases, tmp_path: Path, slots: int, many: int
) -> None:
    loud, quiet = make_records(empty), make_records(empty)
    with running_product(empty, tmp_path, lambda made: with_slots(made, slots), resolve=resolve):
        flood = set(accept(loud, many))
        wait_for(lambda: bool(ended(loud)))
        few = set(accept(quiet, FEW))
        arrived = clock.now()
        wait_for(lambda: len(ended(quiet)) == FEW)
        last = max(ended(quiet).values())
        others = [at for at in ended(loud).values() if arrived < at <= last]
        alone = slots * ceil(FEW / slots)  # rounds of all slots until five jobs have ended
        assert FEW + len(others) <= 2 * alone
        assert ended(quiet).keys() == few and ended(loud).keys() <= flood
        assert len(ended(loud)) < many, "the flood goes on"
