"""Take back an own request that is not decided yet (spec D107, A121)."""

from dataclasses import dataclass

from shared.domain.approvals import Approval
from shared.domain.errors import Refused
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawApproval:
    """Which request, and why."""

    approval_id: str
    reason: str


def withdraw_approval(command: WithdrawApproval, *, records: Records) -> Approval:
    """End the request for good.

    Raises Refused APPROVAL_NOT_FOUND, AUTH_FORBIDDEN for a request of somebody else, APPROVAL_STATE_CONFLICT or
    APPROVAL_EXPIRED."""
    with records.transaction():
        approval = records.approvals.get(command.approval_id, lock=True)
        if approval.requested_by != records.actor.actor_id:
            raise Refused("AUTH_FORBIDDEN", details={"action": "approval.withdraw"})
        return records.approvals.withdraw(approval, reason=command.reason)
