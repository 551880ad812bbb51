"""Discarding uses up an approval in the same transaction, or changes nothing (W106, S72-S74)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.discard_dead_letter import DiscardDeadLetter, discard_dead_letter
from tests.dead_letters import a_message, an_admin, request, vote
from tests.records import make_records


def test_of_two_discards_with_one_approval_one_wins(databases: Databases) -> None:
    records = an_admin(databases)
    item = a_message(records)
    approval = request(records, item)
    vote(an_admin(databases, records.actor.tenant_id), approval)
    command = DiscardDeadLetter(dlq_id=item, reason="r", approval_id=approval.approval_id)

    def attempt(_: int) -> str:
        try:
            return discard_dead_letter(command, records=make_records(databases, records.actor.tenant_id)).status
        except Refused as refusal:
            return refusal.code

    with ThreadPoolExecutor(4) as many:
        assert sorted(many.map(attempt, range(4))) == ["DLQ_DISCARD_CONFLICT"] * 3 + ["discarded"]
    assert records.approvals.get(approval.approval_id).status == "executed"


def test_a_rolled_back_discard_leaves_the_approval_to_be_used(databases: Databases) -> None:
    records = an_admin(databases)
    item = a_message(records)
    approval = request(records, item)
    vote(an_admin(databases, records.actor.tenant_id), approval)
    command = DiscardDeadLetter(dlq_id=item, reason="r", approval_id=approval.approval_id)
    with pytest.raises(ZeroDivisionError), records.transaction():
        discard_dead_letter(command, records=records)
        _ = 1 / 0
    assert records.approvals.get(approval.approval_id).status == "approved"
    assert discard_dead_letter(command, records=records).status == "discarded"


def test_an_executed_approval_is_not_used_again(databases: Databases) -> None:
    records = an_admin(databases)
    item = a_message(records)
    approval = request(records, item)
    vote(an_admin(databases, records.actor.tenant_id), approval)
    subject = approval.subject
    records.approvals.consume(approval.approval_id, "discard_dead_letter", "dead_letter", item, subject)
    with pytest.raises(Refused) as refusal:
        discard_dead_letter(
            DiscardDeadLetter(dlq_id=item, reason="r", approval_id=approval.approval_id), records=records
        )
    assert refusal.value.code == "APPROVAL_STATE_CONFLICT"


def test_sql_refuses_a_discard_without_approval_or_reason(databases: Databases) -> None:
    records = an_admin(databases)
    a_message(records)
    with pytest.raises(Exception, match="violates check constraint"):
        records.session.execute("update dlq_items set status = 'discarded'")
    with pytest.raises(Exception, match="violates foreign key"):
        records.session.execute("update dlq_items set status = 'discarded', reason = 'x', approval_id = 'apr_none'")
