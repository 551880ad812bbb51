"""Let a supplier take part in a project (spec A43, D40)."""

from dataclasses import dataclass

from shared.domain.errors import Refused
from shared.domain.project_rows import Bid
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterBid:
    """`status` is `invited` or, when the files came another way, `submitted`; uploads submit an invited bid."""

    project_id: str
    supplier_id: str
    status: str = "invited"


def register_bid(command: RegisterBid, *, records: Records, ids: Ids, clock: Clock) -> Bid:
    """Insert the bid with its audit entry.

    Raises Refused PROJECT_NOT_FOUND, PROJECT_CLOSED, SUPPLIER_NOT_FOUND, or CODE_TAKEN when it is registered."""
    if command.status not in ("invited", "submitted"):
        raise Refused("REQ_VALIDATION_FAILED", details={"fields": ["status"]})
    with records.transaction():
        project = records.projects.get(command.project_id)
        if project.status not in ("draft", "open"):
            raise Refused("PROJECT_CLOSED", details={"status": project.status})
        records.suppliers.get(command.supplier_id)
        bid = records.bids.add(
            Bid(
                bid_id=ids.new("bid"),
                project_id=command.project_id,
                supplier_id=command.supplier_id,
                status=command.status,
                submitted_at=clock.now() if command.status == "submitted" else None,
            )
        )
        records.trail.audit("bid.registered", "bid", bid.bid_id, changes={"status": bid.status})
    return bid
