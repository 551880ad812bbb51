"""Two evaluations of the same plan at once: one runs, the other is refused (F35 of spec 06)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.start_evaluation import StartEvaluation, start_evaluation
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import clock, ids, make_records

ROUNDS = 40


@pytest.fixture(scope="module")
def seed(databases: Databases) -> Seed:
    return Seed(make_records(databases), limit_and_judged()[:1], url=databases.app_url)


def both_at_once(seed: Seed, databases: Databases, *commands: StartEvaluation) -> list[tuple[str, str]]:
    """What each of the callers got: ("started", evaluation id) or (code, the evaluation or plan it names)."""
    together = threading.Barrier(len(commands), timeout=30)

    def start(command: StartEvaluation) -> tuple[str, str]:
        records = make_records(databases, seed.records.actor.tenant_id)
        together.wait()
        try:
            made = start_evaluation(command, records=records, ids=ids, clock=clock)
        except Refused as refused:
            return refused.code, str(refused.details)
        return "started", made.evaluation.evaluation_id

    with ThreadPoolExecutor(len(commands)) as callers:
        return list(callers.map(start, commands))


def test_f35_of_two_evaluations_of_one_plan_one_runs_in_every_round(databases: Databases, seed: Seed) -> None:
    for number in range(ROUNDS):
        supplier_id = seed.bid(f"S-{number}", BID[0])
        got = dict(both_at_once(seed, databases, *[seed.command(supplier_id)] * 2))
        assert got.keys() == {"started", "EVALUATION_DUPLICATE"}, (number, got)
        mine = seed.records.evaluations.list(filters={"supplier_id": supplier_id}, before=None, limit=5)
        assert [evaluation.evaluation_id for evaluation in mine] == [got["started"]]
        assert got["started"] in got["EVALUATION_DUPLICATE"] or mine[0].plan_id in got["EVALUATION_DUPLICATE"]
    rows = seed.records.session.row("""
        select count(*) as jobs, count(distinct j.resource_id) as resources,
          (select count(*) from runs) as runs, (select count(*) from evaluations) as evaluations,
          (select count(*) from evaluation_snapshots) as snapshots,
          (select count(*) from outbox_events where event_type = 'job.queued') as told
        from jobs j join evaluations e on e.evaluation_id = j.resource_id and e.job_id = j.job_id""")
    assert rows is not None
    assert set(rows.values()) == {ROUNDS}, "the refused ones left no job, run, snapshot or event"
