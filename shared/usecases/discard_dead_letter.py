"""Give up a dead letter, with a second person's approval; its resource keeps its failed state (spec W106, A117)."""

from dataclasses import dataclass

from shared.domain.approvals import subject_of
from shared.domain.dead_letters import DeadLetter
from shared.domain.errors import Refused
from shared.ports.records import Records

ACTION = "discard_dead_letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardDeadLetter:
    """`reason` must be the one that was approved."""

    dlq_id: str
    reason: str
    approval_id: str | None


def discard_dead_letter(command: DiscardDeadLetter, *, records: Records) -> DeadLetter:
    """Use the approval and close the item, in one transaction.

    Raises Refused DLQ_ITEM_NOT_FOUND, DLQ_DISCARD_CONFLICT for a resolved item, and what approvals.consume raises:
    APPROVAL_REQUIRED, APPROVAL_EXPIRED, APPROVAL_SUBJECT_CHANGED, APPROVAL_STATE_CONFLICT."""
    with records.transaction():
        item = records.dead_letters.get(command.dlq_id, lock=True)
        if item.status != "open":
            raise Refused("DLQ_DISCARD_CONFLICT", details={"status": item.status})
        subject = subject_of(
            ACTION, "dead_letter", item.dlq_id, version=str(item.row_version), parameters={"reason": command.reason}
        )
        used = records.approvals.consume(command.approval_id, ACTION, "dead_letter", item.dlq_id, subject)
        return records.dead_letters.discarded(item, approval_id=used.approval_id, reason=command.reason)
