"""Waits for people come to their end, also when messages and timers do not."""

from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.domain.sweeps import Swept
from shared.usecases.deliver_wait import DeliverWait, deliver_wait
from shared.usecases.reconcile_waits import ReconcileWaits, reconcile_waits
from tests.evaluation_seed import BID, Seed, limit_and_judged, vault
from tests.records import clock, ids, make_records
from tests.sweeping import age, findings, sweep
from tests.unit.usecases.test_deliver_wait import Answered


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


def reconcile(databases: Databases) -> dict[str, Swept]:
    return sweep(databases, reconcile_waits, ReconcileWaits())


def asked(databases: Databases) -> tuple[Seed, str, str]:
    """An open review: the seed, its id and its wait's."""
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    review_id = made.ask(started, token=f"token of {started.job.job_id}")
    wait = made.records.reviews.wait_of(review_id)
    assert wait is not None
    return made, review_id, wait.wait_id


def newest_event(made: Seed, review_id: str) -> dict[str, Any]:
    """The newest review.submitted of the outbox as deliver_wait gets it."""
    row = made.records.session.row(
        """select event_id, event_type, job_id, payload from outbox_events
           where aggregate_id = %(id)s and event_type = 'review.submitted' order by event_id desc limit 1""",
        id=review_id,
    )
    assert row is not None
    return row


def test_f15_ten_answers_of_which_one_was_dropped_are_all_delivered_after_the_sweep(databases: Databases) -> None:
    workflows = Answered(databases)
    stuck: list[tuple[Seed, str, str, dict[str, Any]]] = []
    for number in range(10):
        made, review_id, wait_id = asked(databases)
        made.answer(made.person(databases), review_id, "reject")
        age(databases, "reviews", "review_id", review_id, submitted_at=61)
        parts: dict[str, Any] = {
            "records": made.records,
            "vault": vault,
            "workflows": workflows,
            "ids": ids,
            "clock": clock,
        }
        if number == 4:  # its message is lost
            stuck.append((made, review_id, wait_id, parts))
        else:
            assert deliver_wait(DeliverWait(event=newest_event(made, review_id)), **parts).status == "delivered"
    [(made, review_id, wait_id, parts)] = stuck
    lost = newest_event(made, review_id)
    assert reconcile(databases)["undelivered_waits"].repaired == 1
    assert reconcile(databases)["undelivered_waits"].found == 0
    again = newest_event(made, review_id)
    assert again["event_id"] != lost["event_id"] and again["payload"] == lost["payload"]
    assert deliver_wait(DeliverWait(event=again), **parts).status == "delivered"
    assert len(workflows.answers) == 10
    assert len(findings(made.records, "undelivered_waits", wait_id)) == 1
    with psycopg.connect(databases.sweep_url) as connection:
        row = connection.execute(
            "select count(*) from waits w join reviews v on v.review_id = w.subject_id "
            "where w.status = 'open' and v.status = 'submitted'"
        ).fetchone()
    assert row == (0,)


def test_a_review_overdue_for_ten_minutes_expires_and_the_evaluation_is_parked(databases: Databases) -> None:
    made, review_id, wait_id = asked(databases)
    review = made.records.reviews.get(review_id)
    age(databases, "reviews", "review_id", review_id, due_at=8 * 86_400)
    assert reconcile(databases)["overdue_waits"].repaired == 1
    assert reconcile(databases)["overdue_waits"].found == 0
    evaluation = made.records.evaluations.get(review.evaluation_id)
    job = made.records.jobs.get(evaluation.job_id or "")
    wait = made.records.reviews.wait_of(review_id)
    assert (made.records.reviews.get(review_id).status, evaluation.status) == ("expired", "parked")
    assert (job.status, job.error_code) == ("canceled", "WF_INTERRUPT_EXPIRED")
    assert wait is not None and wait.status == "expired"
    assert len(findings(made.records, "overdue_waits", wait_id)) == 1


def test_the_wait_of_a_canceled_review_is_closed(databases: Databases) -> None:
    made, review_id, wait_id = asked(databases)
    made.records.moves.review(made.records.reviews.get(review_id), "canceled")
    assert reconcile(databases)["closed_waits"].found == 0
    age(databases, "waits", "wait_id", wait_id, updated_at=61)
    assert reconcile(databases)["closed_waits"].repaired == 1
    assert reconcile(databases)["closed_waits"].found == 0
    wait = made.records.reviews.wait_of(review_id)
    assert wait is not None and wait.status == "canceled"
