"""A batch is accepted whole or not at all, and nothing of it has begun (spec A22, A113)."""

from datetime import timedelta

import pytest

from infra.local.postgres import Databases
from shared.domain.batches import MOST_ITEMS
from shared.domain.errors import Refused
from shared.usecases.start_batch import AskedItem, StartBatch, StartedBatch, start_batch
from tests.batches import check, states
from tests.evaluation_seed import Seed
from tests.records import clock, ids, make_records


@pytest.fixture
def seed(databases: Databases) -> Seed:
    return Seed(make_records(databases), [], url=databases.app_url)


def start(seed: Seed, items: list[AskedItem]) -> StartedBatch:
    return start_batch(StartBatch(kind="export", items=items), records=seed.records, ids=ids, clock=clock)


def test_items_keep_their_order_and_what_was_refused_at_once_its_code(seed: Seed) -> None:
    asked = [AskedItem(payload={"n": 1}), AskedItem(payload={"n": 2}, refused="AUTH_FORBIDDEN"), AskedItem(payload={})]
    made = start(seed, asked)
    assert states(seed, made) == [("pending", None), ("failed", "AUTH_FORBIDDEN"), ("pending", None)]
    counts = check(seed, made, 3)
    assert (counts.open, counts.processed) == (2, 1)
    [first, *_] = seed.records.batches.items(made.batch.batch_id, after=0, limit=2)
    assert first.payload == {"schema_version": 1, "n": 1}
    assert (made.batch.status, made.job.status, made.job.resource_id) == ("queued", "queued", made.batch.batch_id)


def test_its_job_has_24_hours(seed: Seed) -> None:
    deadline = start(seed, [AskedItem(payload={})]).job.deadline_at
    assert deadline is not None and timedelta(hours=23, minutes=59) < deadline - clock.now() <= timedelta(hours=24)


def test_a_thousand_items_are_accepted_and_one_more_leaves_nothing(seed: Seed) -> None:
    made = start(seed, [AskedItem(payload={"n": n}) for n in range(MOST_ITEMS)])
    assert check(seed, made, MOST_ITEMS).pending == MOST_ITEMS
    with pytest.raises(Refused) as refusal:
        start(seed, [AskedItem(payload={})] * (MOST_ITEMS + 1))
    assert refusal.value.code == "BATCH_LIMIT_EXCEEDED" and refusal.value.details == {"limit": 1000, "items": 1001}
    assert seed.records.session.rows("select count(*) as n from batches") == [{"n": 1}]
