"""Vote on somebody else's request: one vote per person, in an own signed-in call (spec S70, S71, A121)."""

from dataclasses import dataclass

from shared.domain.approvals import Approval, Vote, may_vote
from shared.domain.errors import Refused
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteApproval:
    """`vote` is approve or reject; `jti` is the id of the token that signed the call."""

    approval_id: str
    vote: str
    reason: str
    jti: str


def vote_approval(command: VoteApproval, *, records: Records) -> Approval:
    """Store the vote and decide the approval when it is the last needed one or a rejection (D107).

    Raises Refused APPROVAL_NOT_FOUND, AUTH_FORBIDDEN (role, or no person), APPROVAL_SELF_FORBIDDEN (requester or
    author), APPROVAL_DUPLICATE_VOTE, APPROVAL_STATE_CONFLICT or APPROVAL_EXPIRED."""
    actor = records.actor
    with records.transaction():
        approval = records.approvals.get(command.approval_id, lock=True)
        if actor.kind != "user" or not may_vote(approval.action, actor.roles):
            raise Refused("AUTH_FORBIDDEN", details={"action": approval.action})
        if actor.actor_id in (approval.requested_by, approval.author_id):
            raise Refused("APPROVAL_SELF_FORBIDDEN")
        vote = Vote(
            approval_id=approval.approval_id,
            voter_id=actor.actor_id,
            vote=command.vote,
            reason=command.reason,
            jti=command.jti,
        )
        return records.approvals.vote(approval, vote)
