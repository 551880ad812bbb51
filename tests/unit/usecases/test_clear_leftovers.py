"""What nobody came back for expires once; what is still alive stays."""

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.errors import Permanent
from shared.domain.sweeps import Swept
from shared.usecases.claim_review import ClaimReview, claim_review
from shared.usecases.clear_leftovers import ClearLeftovers, clear_leftovers
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.fakes.object_store import FakeObjects
from tests.records import clock, ids, make_records
from tests.rows import a_project
from tests.sweeping import age, findings, sweep


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


def clear(databases: Databases, objects: FakeObjects | None = None) -> Swept:
    given = objects or FakeObjects(clock)
    return sweep(databases, clear_leftovers, ClearLeftovers(), objects=given)["leftovers"]


def statuses(records: PostgresRecords, table: str, key: str) -> dict[str, str]:
    return {row[key]: row["status"] for row in records.session.rows(f"select {key}, status from {table}")}


def two_approvals(records: PostgresRecords) -> tuple[str, str]:
    """One past its time, one alive."""
    made = (ids.new("apr"), ids.new("apr"))
    for approval_id, hours in zip(made, (-1, 1), strict=True):
        records.session.execute(
            """insert into approvals (approval_id, action, resource_type, resource_id, subject, subject_hash,
                 requested_by, reason, votes_needed, status, expires_at)
               values (%(id)s, 'dlq.discard', 'dead_letter', %(id)s, '{}', 'x', %(me)s, 'why', 1, 'requested',
                 clock_timestamp() + %(hours)s * interval '1 hour')""",
            id=approval_id,
            me=records.actor.actor_id,
            hours=hours,
        )
    return made


def two_uploads(records: PostgresRecords) -> tuple[str, str]:
    made, project_id = (ids.new("upl"), ids.new("upl")), a_project(records)
    for upload_id, hours in zip(made, (-1, 1), strict=True):
        records.session.execute(
            """insert into upload_sessions (upload_id, project_id, status, file_count, expires_at)
               values (%(id)s, %(project)s, 'open', 1, clock_timestamp() + %(hours)s * interval '1 hour')""",
            id=upload_id,
            project=project_id,
            hours=hours,
        )
    return made


def two_exports(records: PostgresRecords) -> tuple[str, str]:
    made = ("exp_1", "exp_2")
    for export_id, hours in zip(made, (-1, 1), strict=True):
        records.session.execute(
            """insert into exports (export_id, kind, source, status, object_key, sha256, expires_at)
               values (%(id)s, 'csv', '{}', 'ready', 'k', 's', clock_timestamp() + %(hours)s * interval '1 hour')""",
            id=export_id,
            hours=hours,
        )
    return made


@pytest.mark.parametrize(
    ("make", "table", "key", "alive"),
    [
        (two_approvals, "approvals", "approval_id", "requested"),
        (two_uploads, "upload_sessions", "upload_id", "open"),
        (two_exports, "exports", "export_id", "ready"),
    ],
)
def test_what_is_past_its_time_expires_once(
    databases: Databases, make: object, table: str, key: str, alive: str
) -> None:
    records = make_records(databases)
    assert callable(make)
    old, young = make(records)
    assert clear(databases).repaired == 1
    assert clear(databases).found == 0
    assert statuses(records, table, key) == {old: "expired", young: alive}
    assert len(findings(records, "leftovers", old)) == 1
    audited = records.session.rows("select action from audit_log where resource_id = %(id)s", id=old)
    assert [row["action"].endswith(".expired") for row in audited] == [True]


def test_expired_idempotency_keys_are_deleted(databases: Databases) -> None:
    records = make_records(databases)
    for key, hours in (("old", -1), ("young", 1)):
        records.session.execute(
            """insert into idempotency_keys (key, actor_id, route, fingerprint, expires_at)
               values (%(key)s, 'usr_1', 'POST /x', 'f', clock_timestamp() + %(hours)s * interval '1 hour')""",
            key=key,
            hours=hours,
        )
    assert clear(databases).repaired == 1
    assert [row["key"] for row in records.session.rows("select key from idempotency_keys")] == ["young"]


def test_a_claim_without_activity_is_given_back_and_its_token_no_longer_counts(databases: Databases) -> None:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    review_id = made.ask(started)
    claim_review(ClaimReview(review_id=review_id), records=made.person(databases), ids=ids, clock=clock)
    assert clear(databases).found == 0
    age(databases, "reviews", "review_id", review_id, claim_expires_at=86_400)
    assert clear(databases).repaired == 1
    review = made.records.reviews.get(review_id)
    assert (review.status, review.claimed_by, review.resume_token_hash) == ("open", None, None)


def stored(objects: FakeObjects, key: str) -> bool:
    try:
        return bool(objects.head(key))
    except Permanent:
        return False


def test_the_file_of_an_expired_export_is_deleted_and_no_other(databases: Databases) -> None:
    records, objects = make_records(databases), FakeObjects(clock)
    old, young = two_exports(records)
    for export_id in (old, young):
        objects.put(f"k/{export_id}", b"file", media_type="text/csv")
        records.session.execute(
            "update exports set object_key = %(key)s where export_id = %(id)s", key=f"k/{export_id}", id=export_id
        )
    assert clear(databases, objects).repaired == 1
    assert [stored(objects, f"k/{export_id}") for export_id in (old, young)] == [False, True]
    gone = records.exports.get(old)
    assert (gone.status, gone.object_key, gone.sha256) == ("expired", None, "s")
    assert clear(databases, objects).found == 0


def test_a_file_of_which_nobody_noted_that_it_is_gone_is_noted_by_the_next_sweep(databases: Databases) -> None:
    records, objects = make_records(databases), FakeObjects(clock)
    old, _ = two_exports(records)  # a crash came after the delete: there is no object under its key
    assert clear(databases, objects).repaired == 1
    assert records.exports.get(old).object_key is None


def test_an_export_that_expired_before_files_were_deleted_loses_its_file(databases: Databases) -> None:
    records, objects = make_records(databases), FakeObjects(clock)
    old, _ = two_exports(records)
    objects.put("k", b"file", media_type="text/csv")
    records.session.execute("update exports set status = 'expired' where export_id = %(id)s", id=old)
    assert clear(databases, objects).repaired == 1 and not stored(objects, "k")
