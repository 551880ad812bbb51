"""Only who asked takes a request back, and only while it is open."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.withdraw_approval import WithdrawApproval, withdraw_approval
from tests.dead_letters import a_message, an_admin, request, vote


def test_an_open_request_is_withdrawn_once_by_its_own_person(databases: Databases) -> None:
    records = an_admin(databases)
    other = an_admin(databases, records.actor.tenant_id)
    command = WithdrawApproval(approval_id=request(records, a_message(records)).approval_id, reason="mended")
    with pytest.raises(Refused, match="role does not allow"):
        withdraw_approval(command, records=other)
    assert withdraw_approval(command, records=records).status == "withdrawn"
    with pytest.raises(Refused) as refusal:
        withdraw_approval(command, records=records)
    assert refusal.value.code == "APPROVAL_STATE_CONFLICT"


def test_a_decided_request_cannot_be_withdrawn(databases: Databases) -> None:
    records = an_admin(databases)
    approval = request(records, a_message(records))
    vote(an_admin(databases, records.actor.tenant_id), approval)
    with pytest.raises(Refused) as refusal:
        withdraw_approval(WithdrawApproval(approval_id=approval.approval_id, reason="x"), records=records)
    assert refusal.value.code == "APPROVAL_STATE_CONFLICT"
