"""Reminders of waiting reviews at the boundaries of 50 % and 80 % of the wait, each once."""

from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.sweeps import Swept
from shared.usecases.claim_review import ClaimReview, claim_review
from shared.usecases.remind_reviewers import RemindReviewers, remind_reviewers
from shared.usecases.submit_review import SubmitReview, submit_review
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import clock, ids, make_records
from tests.sweeping import heartbeat, sweep


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


def asked(databases: Databases) -> tuple[Seed, str]:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    return made, made.ask(started)


def let_pass(databases: Databases, review_id: str, *, seconds: float, of: float) -> None:
    """The wait of so many seconds began so many seconds ago, by the database's clock."""
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("alter table reviews no force row level security")
        connection.execute(
            """update reviews set opened_at = clock_timestamp() - %s * interval '1 second',
                 due_at = clock_timestamp() + %s * interval '1 second' where review_id = %s""",
            (seconds, of - seconds, review_id),
        )
        connection.execute("alter table reviews force row level security")


def remind(databases: Databases) -> Swept:
    return sweep(databases, remind_reviewers, RemindReviewers())["due_reviews"]


def told(records: PostgresRecords) -> list[dict[str, Any]]:
    rows = records.session.rows(
        "select payload from outbox_events where event_type = 'review.due_soon' order by created_at"
    )
    return [row["payload"] for row in rows]


def told_pct(records: PostgresRecords) -> list[int]:
    return [payload["elapsed_pct"] for payload in told(records)]


DAY = 86_400.0


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(DAY / 2 - 60, []), (DAY / 2, [50]), (DAY * 0.8 - 60, [50]), (DAY * 0.8, [80]), (DAY - 60, [80]), (DAY, [])],
)
def test_which_reminder_is_due_is_exact_at_the_boundaries(
    databases: Databases, seconds: float, expected: list[int]
) -> None:
    made, review_id = asked(databases)
    let_pass(databases, review_id, seconds=seconds, of=DAY)
    remind(databases)
    assert told_pct(made.records) == expected
    let_pass(databases, review_id, seconds=0, of=DAY)  # so that it is nobody's any longer


def test_each_is_told_once_with_what_a_message_to_people_needs(databases: Databases) -> None:
    made, review_id = asked(databases)
    for seconds in (600, 660, 959, 960, 1000):
        let_pass(databases, review_id, seconds=seconds, of=1200)
        remind(databases)
        remind(databases)
    review = made.records.reviews.get(review_id)
    assert told_pct(made.records) == [50, 80]
    assert told(made.records)[-1] == {
        "review_id": review_id,
        "evaluation_id": review.evaluation_id,
        "due_at": told(made.records)[-1]["due_at"],
        "elapsed_pct": 80,
        "status": "open",
        "claimed_by": None,
    }
    assert remind(databases).found == 0
    assert heartbeat(databases, "due_reviews").error_code is None


def test_a_reminder_does_not_stand_in_the_way_of_an_answer(databases: Databases) -> None:
    made, review_id = asked(databases)
    person = made.person(databases)
    token = claim_review(ClaimReview(review_id=review_id), records=person, ids=ids, clock=clock).resume_token
    before = made.records.reviews.get(review_id).row_version
    let_pass(databases, review_id, seconds=600, of=1200)
    assert remind(databases).repaired == 1
    assert made.records.reviews.get(review_id).row_version == before
    assert told(made.records)[0]["claimed_by"] == person.actor.actor_id
    command = SubmitReview(review_id=review_id, resume_token=token, decision="reject", comment="Read and decided.")
    submit_review(command, records=person, ids=ids, clock=clock)
    let_pass(databases, review_id, seconds=1000, of=1200)
    assert remind(databases).found == 0
    assert told_pct(made.records) == [50]


def test_the_event_and_its_mark_are_stored_together_or_not_at_all(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, review_id = asked(databases)
    let_pass(databases, review_id, seconds=600, of=1200)

    def crash(*_: Any, **__: Any) -> None:
        raise ConnectionError

    records = make_records(databases, made.records.actor.tenant_id, actor_id="system", kind="system")
    with monkeypatch.context() as patch, pytest.raises(ConnectionError):
        patch.setattr(records.trail, "publish", crash)
        sweep(databases, remind_reviewers, RemindReviewers(), records_of=lambda _: records)
    assert (told(made.records), remind(databases).repaired, told_pct(made.records)) == ([], 1, [50])
