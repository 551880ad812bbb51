"""Threads of ended evaluations are deleted after 30 days, never of one that is parked or waits (W84)."""

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.domain.evaluations import ENDED_STATES
from shared.domain.sweeps import Swept
from shared.domain.transitions import EVALUATION
from shared.usecases.clear_leftovers import ClearLeftovers, clear_leftovers
from shared.usecases.expire_review import ExpireReview, expire_review
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.fakes.object_store import FakeObjects
from tests.records import clock, make_records
from tests.sweeping import age, findings, sweep

DAY = 86_400
TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


def clear(databases: Databases) -> Swept:
    return sweep(databases, clear_leftovers, ClearLeftovers(), objects=FakeObjects(clock))["leftovers"]


def suggested(databases: Databases) -> tuple[Seed, str]:
    """An evaluation with one finished thread and one that waits."""
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    return made, started.evaluation.evaluation_id


def become(databases: Databases, evaluation_id: str, status: str, *, seconds: int) -> None:
    """The evaluation has had this state for so long."""
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("alter table evaluations no force row level security")
        connection.execute(
            """update evaluations set status = %s, updated_at = clock_timestamp() - %s * interval '1 second'
               where evaluation_id = %s""",
            (status, seconds, evaluation_id),
        )
        connection.execute("alter table evaluations force row level security")


def rows(made: Seed) -> list[int]:
    return [made.records.session.rows(f"select count(*)::int as n from {table}")[0]["n"] for table in TABLES]


@pytest.mark.parametrize("status", EVALUATION)
def test_thirty_days_after_its_end_and_not_before_the_threads_go_whatever_the_end_was(
    databases: Databases, status: str
) -> None:
    made, evaluation_id = suggested(databases)
    kept, verdicts = rows(made), made.records.verdicts.current(evaluation_id)
    become(databases, evaluation_id, status, seconds=30 * DAY - 60)
    assert (clear(databases).found, rows(made)) == (0, kept)
    become(databases, evaluation_id, status, seconds=30 * DAY)
    ended = status in ENDED_STATES
    assert clear(databases).repaired == int(ended)
    assert rows(made) == ([0, 0, 0] if ended else kept)
    assert clear(databases).found == 0
    assert len(findings(made.records, "leftovers", evaluation_id)) == int(ended)
    assert made.records.verdicts.current(evaluation_id) == verdicts


def test_a_review_that_waits_or_is_parked_for_months_keeps_its_threads(databases: Databases) -> None:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    evaluation_id = started.evaluation.evaluation_id
    made.ask(started)
    kept = rows(made)
    age(databases, "evaluations", "evaluation_id", evaluation_id, updated_at=90 * DAY)
    assert clear(databases).found == 0
    expire_review(ExpireReview(evaluation_id=evaluation_id), records=made.records)
    age(databases, "evaluations", "evaluation_id", evaluation_id, updated_at=90 * DAY)
    assert (clear(databases).found, rows(made)) == (0, kept)


def test_the_threads_of_another_evaluation_stay(databases: Databases) -> None:
    clear(databases)  # what other tests left
    made, old = suggested(databases)
    before = rows(made)
    made.suggest(made.bid("S-2", *BID))
    become(databases, old, "rejected", seconds=31 * DAY)
    assert clear(databases).repaired == 1
    assert rows(made) == before


def test_a_failed_evaluation_that_is_requeued_later_waits_for_people_again_with_its_verdicts(
    databases: Databases,
) -> None:
    made, evaluation_id = suggested(databases)
    verdicts = made.records.verdicts.current(evaluation_id)
    become(databases, evaluation_id, "failed", seconds=31 * DAY)
    assert clear(databases).repaired == 1
    assert [run.status for run in made.records.evaluations.criterion_runs(evaluation_id)] == ["completed", "pending"]
    made.evaluate(evaluation_id, 0)
    runs = made.records.evaluations.criterion_runs(evaluation_id)
    assert [run.status for run in runs] == ["completed", "interrupted"]
    assert made.records.verdicts.current(evaluation_id) == verdicts
    assert made.graph().state(evaluation_id, runs[1].criterion_id).interrupt_id == runs[1].interrupt_id
