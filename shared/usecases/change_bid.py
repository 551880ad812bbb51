"""Change the standing of a bid: submitted, withdrawn, disqualified (spec A43)."""

from dataclasses import dataclass, replace

from shared.domain.errors import Refused
from shared.domain.project_rows import Bid, check_row_version
from shared.ports.platform import Clock
from shared.ports.records import Records

STATUSES = ("invited", "submitted", "withdrawn", "disqualified")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBid:
    """`reason` goes to the audit entry."""

    bid_id: str
    status: str
    reason: str | None = None
    expected_row_version: int | None = None


def change_bid(command: ChangeBid, *, records: Records, clock: Clock) -> Bid:
    """Save the new status with its audit entry; the same status again changes nothing (D13).

    Raises Refused BID_NOT_FOUND, REQ_PRECONDITION_FAILED, PROJECT_CLOSED once the project is archived, and
    WF_STATE_TRANSITION_INVALID for a way back to `invited`."""
    if command.status not in STATUSES:
        raise Refused("REQ_VALIDATION_FAILED", details={"fields": ["status"]})
    with records.transaction():
        bid = records.bids.get(command.bid_id, lock=True)
        check_row_version(bid.row_version, command.expected_row_version)
        if command.status == bid.status:
            return bid
        if command.status == "invited":
            raise Refused("WF_STATE_TRANSITION_INVALID", details={"from": bid.status, "to": command.status})
        if records.projects.get(bid.project_id).status == "archived":
            raise Refused("PROJECT_CLOSED", details={"status": "archived"})
        submitted_at = clock.now() if command.status == "submitted" else bid.submitted_at
        saved = records.bids.save(replace(bid, status=command.status, submitted_at=submitted_at))
        changes = {"from": bid.status, "to": saved.status, "reason": command.reason}
        records.trail.audit("bid.changed", "bid", bid.bid_id, changes=changes)
    return saved
