"""Approvals and their votes."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from shared.domain.approvals import Approval, Vote


class Approvals(Protocol):
    """Requests for a second person, their votes, and their one use."""

    def request(self, approval: Approval) -> Approval:
        """Insert with 72 h by the database's clock and publish approval.requested.

        Raises Refused APPROVAL_STATE_CONFLICT when a living approval for the same subject exists."""
        ...

    def get(self, approval_id: str, *, lock: bool = False) -> Approval:
        """The approval; raises Refused APPROVAL_NOT_FOUND."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> Sequence[Approval]:
        """Newest first, ids below `before`; filters status, action, requested_by,
        waiting_for and seen_by (a user id each, with the actions they may vote on as `votable`)."""
        ...

    def votes(self, approval_id: str) -> Sequence[Vote]:
        """Votes in the order given."""
        ...

    def vote(self, approval: Approval, vote: Vote) -> Approval:
        """Insert the vote, and move the approval when the votes decide it, publishing approval.decided.

        Raises Refused APPROVAL_DUPLICATE_VOTE, APPROVAL_SELF_FORBIDDEN, APPROVAL_STATE_CONFLICT or APPROVAL_EXPIRED."""
        ...

    def withdraw(self, approval: Approval, *, reason: str) -> Approval:
        """Move a requested approval to withdrawn; raises Refused APPROVAL_STATE_CONFLICT or APPROVAL_EXPIRED."""
        ...

    def consume(
        self, approval_id: str | None, action: str, resource_type: str, resource_id: str, subject: Mapping[str, Any]
    ) -> Approval:
        """Use an approved approval in the caller's transaction: approved -> executed (unit of work, D4).

        Raises Refused APPROVAL_REQUIRED (none, unknown, other action or resource, not decided, rejected, withdrawn),
        APPROVAL_EXPIRED, APPROVAL_SUBJECT_CHANGED or APPROVAL_STATE_CONFLICT (used already)."""
        ...
