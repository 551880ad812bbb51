"""Votes by people, and the rules that the database holds by itself against the application's own role (S70, S71)."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.errors import Refused
from shared.usecases.vote_approval import VoteApproval, vote_approval
from tests.dead_letters import a_message, an_admin, request, vote
from tests.records import ids, make_records

VOTE = """insert into approval_votes (approval_id, voter_id, vote, reason, jti)
    values (%(id)s, %(voter)s, 'approve', 'x', 'x')"""


def code_of(act: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as refusal:
        act()
    return refusal.value.code


def test_a_service_account_cannot_vote_whatever_its_role(databases: Databases) -> None:
    records = an_admin(databases)
    approval = request(records, a_message(records))
    robot = make_records(databases, records.actor.tenant_id, kind="service", roles=frozenset({"admin"}))
    assert code_of(lambda: vote(robot, approval)) == "AUTH_FORBIDDEN"


def test_a_vote_keeps_its_token_and_reason(databases: Databases) -> None:
    records = an_admin(databases)
    approval = request(records, a_message(records))
    other = an_admin(databases, records.actor.tenant_id)
    vote_approval(
        VoteApproval(approval_id=approval.approval_id, vote="approve", reason="read", jti="j-1"), records=other
    )
    assert [(v.voter_id, v.vote, v.reason, v.jti) for v in records.approvals.votes(approval.approval_id)] == [
        (other.actor.actor_id, "approve", "read", "j-1")
    ]


def test_sql_refuses_the_requester_a_borrowed_name_and_a_second_vote(databases: Databases) -> None:
    records = an_admin(databases)
    other = an_admin(databases, records.actor.tenant_id)
    approval = request(records, a_message(records)).approval_id

    def by(session: PostgresRecords, voter: str) -> Callable[[], int]:
        return lambda: session.session.execute(VOTE, id=approval, voter=voter)

    assert code_of(by(records, records.actor.actor_id)) == "APPROVAL_SELF_FORBIDDEN"
    assert code_of(by(records, other.actor.actor_id)) == "APPROVAL_SELF_FORBIDDEN"
    assert by(other, other.actor.actor_id)() == 1
    with pytest.raises(Exception, match="approval_votes_pkey"):
        by(other, other.actor.actor_id)()


def test_sql_refuses_an_author_who_votes(databases: Databases) -> None:
    records = an_admin(databases)
    author = an_admin(databases, records.actor.tenant_id)
    records.session.execute(
        """insert into approvals (approval_id, action, resource_type, resource_id, subject, subject_hash, requested_by,
             author_id, reason, votes_needed, status, expires_at)
           values ('apr_x', 'change_hard_rule', 'rule_pack_version', 'r', '{}', 'h', %(me)s, %(author)s, 'x', 2,
             'requested', clock_timestamp() + interval '1 hour')""",
        me=records.actor.actor_id,
        author=author.actor.actor_id,
    )
    act = lambda: author.session.execute(VOTE, id="apr_x", voter=author.actor.actor_id)  # noqa: E731
    assert code_of(act) == "APPROVAL_SELF_FORBIDDEN"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("status = 'approved'", "APPROVAL_REQUIRED"),
        ("status = 'executed', executed_at = clock_timestamp()", "APPROVAL_REQUIRED"),
        ("subject_hash = 'other'", "APPROVAL_SUBJECT_CHANGED"),
        ("""subject = '{"x": 1}'""", "APPROVAL_SUBJECT_CHANGED"),
        ("expires_at = expires_at + interval '1 second'", "APPROVAL_SUBJECT_CHANGED"),
        ("requested_by = 'usr_other'", "APPROVAL_SUBJECT_CHANGED"),
        ("votes_needed = 2", "APPROVAL_SUBJECT_CHANGED"),
    ],
)
def test_sql_refuses_to_change_what_was_asked_or_to_skip_the_votes(
    databases: Databases, change: str, code: str
) -> None:
    records = an_admin(databases)
    approval = request(records, a_message(records))
    sql = f"update approvals set {change} where approval_id = %(id)s"
    assert code_of(lambda: records.session.execute(sql, id=approval.approval_id)) == code
    assert records.approvals.get(approval.approval_id) == approval


def test_sql_refuses_to_revive_use_twice_or_remove(databases: Databases) -> None:
    records = an_admin(databases)
    approval = request(records, a_message(records))
    vote(an_admin(databases, records.actor.tenant_id), approval, "reject")
    for status in ("requested", "approved", "executed"):
        sql = f"update approvals set status = '{status}' where approval_id = %(id)s"
        act = lambda sql=sql: records.session.execute(sql, id=approval.approval_id)  # noqa: E731
        assert code_of(act) == "APPROVAL_STATE_CONFLICT"
    for sql in ("delete from approval_votes", "delete from approvals", "update approval_votes set vote = 'approve'"):
        with pytest.raises(Exception, match="permission denied"):
            records.session.execute(sql)


@pytest.mark.parametrize(
    ("status", "hours", "who", "code"),
    [
        ("approved", 1, "me", "APPROVAL_STATE_CONFLICT"),
        ("executed", 1, "me", "APPROVAL_STATE_CONFLICT"),
        ("requested", 73, "me", "APPROVAL_STATE_CONFLICT"),
        ("requested", 1, "usr_other", "APPROVAL_SELF_FORBIDDEN"),
    ],
)
def test_sql_refuses_an_approval_that_is_born_decided_long_lived_or_in_another_name(
    databases: Databases, status: str, hours: int, who: str, code: str
) -> None:
    records = an_admin(databases)
    sql = """insert into approvals (approval_id, action, resource_type, resource_id, subject, subject_hash,
          requested_by, reason, votes_needed, status, expires_at, executed_at)
        values (%(id)s, 'discard_dead_letter', 'dead_letter', 'r', '{}', 'h', %(who)s, 'x', 1, %(status)s,
          clock_timestamp() + %(hours)s * interval '1 hour',
          case when %(status)s = 'executed' then clock_timestamp() end)"""
    by = records.actor.actor_id if who == "me" else who
    act = lambda: records.session.execute(sql, id=ids.new("apr"), who=by, status=status, hours=hours)  # noqa: E731
    assert code_of(act) == code
