"""Who takes part in a project (spec A43; the checklist of required files is not built yet)."""

from typing import Literal

from functions.api.answers import Answer, created
from functions.api.caller import Asking
from functions.api.fields import BidId, Input, ProjectId, SupplierId, Text
from functions.api.paging import Cursor, Limit, given, page
from functions.api.routing import new_router, route
from shared.domain.project_rows import Bid
from shared.usecases.change_bid import ChangeBid, change_bid
from shared.usecases.register_bid import RegisterBid, register_bid

router = new_router()
Status = Literal["invited", "submitted", "withdrawn", "disqualified"]
NEW = ("PROJECT_NOT_FOUND", "SUPPLIER_NOT_FOUND", "PROJECT_CLOSED", "CODE_TAKEN")
CHANGE = ("BID_NOT_FOUND", "PROJECT_CLOSED", "WF_STATE_TRANSITION_INVALID")


class NewBid(Input):
    """A supplier that takes part; its first upload makes an invited bid a submitted one."""

    supplier_id: SupplierId
    status: Literal["invited", "submitted"] = "invited"


class BidPatch(Input):
    """The new standing of a bid."""

    status: Status
    reason: Text | None = None


@route(router, "POST", "/projects/{project_id}/bids", "bid.write", shows=Bid, status=201, keyed=True, errors=NEW)
def post_bid(caller: Asking, project_id: ProjectId, body: NewBid) -> Answer:
    """Register a supplier's bid."""
    caller.require("bid.write", project_id, missing="PROJECT_NOT_FOUND")
    bid = caller.run(register_bid, RegisterBid(project_id=project_id, **body.filled()))
    return created(bid, location=f"/api/v1/bids/{bid.bid_id}", etag=bid.row_version)


@route(
    router,
    "GET",
    "/projects/{project_id}/bids",
    "bid.read",
    lists=Bid,
    errors=("PROJECT_NOT_FOUND", "REQ_CURSOR_INVALID"),
)
def get_bids(
    caller: Asking, project_id: ProjectId, status: Status | None = None, limit: Limit = 20, cursor: Cursor = None
) -> Answer:
    """Bids of a project, newest first."""
    caller.require("bid.read", project_id, missing="PROJECT_NOT_FOUND")
    caller.records.projects.get(project_id)
    filters = given(project_id=project_id, status=status)
    return page(
        caller,
        lambda before, count: caller.records.bids.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="bid_id",
        limit=limit,
        cursor=cursor,
    )


@route(router, "GET", "/bids/{bid_id}", "bid.read", shows=Bid, errors=("BID_NOT_FOUND",))
def get_bid(caller: Asking, bid_id: BidId) -> Answer:
    """One bid."""
    bid = caller.records.bids.get(bid_id)
    caller.require("bid.read", bid.project_id, missing="BID_NOT_FOUND")
    return Answer(data=bid, etag=bid.row_version)


@route(router, "PATCH", "/bids/{bid_id}", "bid.write", shows=Bid, match=True, errors=CHANGE)
def patch_bid(caller: Asking, bid_id: BidId, body: BidPatch) -> Answer:
    """Submit, withdraw or disqualify a bid."""
    caller.require_for("bid.write", lambda: caller.records.bids.get(bid_id).project_id, missing="BID_NOT_FOUND")
    command = ChangeBid(bid_id=bid_id, **body.filled(), expected_row_version=caller.if_match)
    bid = caller.run(change_bid, command)
    return Answer(data=bid, etag=bid.row_version)
