"""Opening a review: one live review, its items, and a callback token that only the vault can read."""

from datetime import timedelta

import psycopg

from infra.local.postgres import Databases
from tests.evaluation_seed import BID, Seed, limit_and_judged, vault
from tests.records import make_records, new_tenant


def waiting(databases: Databases, settings: str = '{"schema_version": 1}') -> tuple[Seed, str, str]:
    records = make_records(databases, new_tenant(databases, settings=settings))
    made = Seed(records, limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    return made, started.evaluation.evaluation_id, made.ask(started, "first token")


def test_it_asks_about_the_interrupted_criteria(databases: Databases) -> None:
    made, evaluation_id, review_id = waiting(databases)
    items = made.records.reviews.items(review_id)
    judged = made.criteria[1].criterion_id
    state = made.graph().state(evaluation_id, judged)
    assert [(i.criterion_id, i.reason_code, i.interrupt_id, i.verdict_id) for i in items] == [
        (judged, "MODEL_UNAVAILABLE", state.interrupt_id, state.verdict_id)
    ]
    evaluation = made.records.evaluations.get(evaluation_id)
    assert (evaluation.status, evaluation.stage) == ("needs_manual_decision", "review")
    assert made.records.jobs.get(evaluation.job_id or "").waiting_on == "review"


def test_the_wait_is_frozen_from_the_tenants_setting(databases: Databases) -> None:
    made, _, review_id = waiting(databases, '{"schema_version": 1, "review_wait_seconds": 900}')
    review = made.records.reviews.get(review_id)
    assert review.created_at is not None
    assert abs(review.due_at - review.created_at - timedelta(seconds=900)) < timedelta(seconds=30)


def test_a_repeat_replaces_the_token_of_the_same_wait(databases: Databases) -> None:
    made, evaluation_id, review_id = waiting(databases)
    before = made.records.reviews.wait_of(review_id)
    evaluation = made.records.evaluations.get(evaluation_id)
    run = made.records.jobs.newest_run(evaluation.job_id or "")
    assert made.ask_again(evaluation_id, run.run_id, "second token") == review_id
    after = made.records.reviews.wait_of(review_id)
    assert before is not None and after is not None and before.wait_id == after.wait_id
    context = {"tenant_id": made.records.actor.tenant_id, "wait_id": after.wait_id}
    assert vault.decrypt(before.token_ciphertext, context=context) == "first token"
    assert vault.decrypt(after.token_ciphertext, context=context) == "second token"
    assert len(made.records.reviews.items(review_id)) == 1


def test_the_token_stands_nowhere_in_the_clear(databases: Databases) -> None:
    made, _, _ = waiting(databases)
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (made.records.actor.tenant_id,))
        rows = connection.execute(
            """select payload::text from outbox_events union all select payload::text from run_events
               union all select entry::text from audit_log union all select w::text from waits w"""
        ).fetchall()
    hidden = b"first token".hex()
    assert rows and not [text for (text,) in rows if "first token" in text or hidden in text]


def test_people_are_told(databases: Databases) -> None:
    made, evaluation_id, review_id = waiting(databases)
    evaluation = made.records.evaluations.get(evaluation_id)
    run = made.records.jobs.newest_run(evaluation.job_id or "")
    told = [e for e in made.records.jobs.events(run.run_id, after=0, limit=100) if e["event_type"] == "review.opened"]
    assert [event["payload"]["review_id"] for event in told] == [review_id]
    assert told[0]["payload"]["reasons"] == ["MODEL_UNAVAILABLE"]
