"""Requests for a second person and the votes on them (spec A120, A121)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from functions.api.answers import Answer, created, view
from functions.api.caller import Asking, Caller
from functions.api.fields import ApprovalId, Input, JsonObject, Text
from functions.api.paging import Cursor, Limit, given, page
from functions.api.routing import new_router, route
from shared.domain.approvals import Approval, may_vote, votable
from shared.domain.errors import Refused
from shared.usecases.request_approval import RequestApproval, request_approval
from shared.usecases.vote_approval import VoteApproval, vote_approval
from shared.usecases.withdraw_approval import WithdrawApproval, withdraw_approval

router = new_router()
Status = Literal["requested", "approved", "rejected", "expired", "withdrawn", "executed"]
Action = Annotated[str, StringConstraints(pattern=r"^[a-z_]{3,60}$")]
VOTE_ERRORS = (
    "APPROVAL_NOT_FOUND",
    "APPROVAL_SELF_FORBIDDEN",
    "APPROVAL_DUPLICATE_VOTE",
    "APPROVAL_STATE_CONFLICT",
    "APPROVAL_EXPIRED",
)


class ResourceRef(BaseModel):
    """What the action is done to."""

    model_config = ConfigDict(extra="forbid")
    type: Annotated[str, StringConstraints(pattern=r"^[a-z_]{3,40}$")]
    id: Annotated[str, StringConstraints(pattern=r"^[a-z]{3}_[0-9a-z]{26}$")]


class NewApproval(Input):
    """`subject` holds exactly the parameters that the action will be called with."""

    action: Action
    resource: ResourceRef
    subject: JsonObject = Field(default_factory=dict)
    reason: Text


class Reasoned(Input):
    """Why."""

    reason: Text


def _sees_all(caller: Caller) -> bool:
    return caller.may("approval.read_all", None)


def _visible(caller: Caller, approval_id: str) -> Approval:
    """Admins and auditors see all; others what they asked for or may vote on (S37)."""
    found = caller.records.approvals.get(approval_id)
    own = found.requested_by == caller.actor.actor_id
    if not (own or _sees_all(caller) or may_vote(found.action, caller.actor.roles)):
        raise Refused("APPROVAL_NOT_FOUND")
    return found


def _answer(caller: Caller, approval: Approval) -> Answer:
    votes = [view(vote, "jti", "approval_id") for vote in caller.records.approvals.votes(approval.approval_id)]
    return Answer(data=view(approval, votes=votes), etag=approval.row_version)


@route(
    router,
    "POST",
    "/approvals",
    "approval.request",
    shows=dict[str, Any],
    status=201,
    keyed=True,
    errors=("APPROVAL_STATE_CONFLICT", "DLQ_ITEM_NOT_FOUND"),
)
def post_approval(caller: Asking, body: NewApproval) -> Answer:
    """Ask for the approval of an action on a resource as it stands now; it is good for 72 hours."""
    command = RequestApproval(
        action=body.action,
        resource_type=body.resource.type,
        resource_id=body.resource.id,
        parameters=body.subject,
        reason=body.reason,
    )
    made = caller.run(request_approval, command)
    return created(view(made, votes=[]), location=f"/api/v1/approvals/{made.approval_id}", etag=made.row_version)


@route(router, "GET", "/approvals", "approval.read", lists=dict[str, Any], errors=("REQ_CURSOR_INVALID",))
def get_approvals(
    caller: Asking,
    status: Status | None = None,
    action: Action | None = None,
    mine: bool = False,
    waiting_for_me: bool = False,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer:
    """Approvals, newest first; `waiting_for_me` are undecided ones that the caller may still vote on."""
    me, mine_to_vote = caller.actor.actor_id, votable(caller.actor.roles)
    filters = given(status=status, action=action, requested_by=me if mine else None)
    if waiting_for_me:
        filters = {"status": "requested"} | filters | {"waiting_for": me, "votable": mine_to_vote}
    if not _sees_all(caller):
        filters |= {"seen_by": me, "votable": mine_to_vote}
    return page(
        caller,
        lambda before, count: caller.records.approvals.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="approval_id",
        limit=limit,
        cursor=cursor,
        show=view,
    )


@route(
    router,
    "GET",
    "/approvals/{approval_id}",
    "approval.read",
    shows=dict[str, Any],
    errors=("APPROVAL_NOT_FOUND",),
)
def get_approval(caller: Asking, approval_id: ApprovalId) -> Answer:
    """One approval with its votes."""
    return _answer(caller, _visible(caller, approval_id))


def _vote(caller: Caller, approval_id: str, vote: str, reason: str) -> Answer:
    _visible(caller, approval_id)
    command = VoteApproval(approval_id=approval_id, vote=vote, reason=reason, jti=caller.jti)
    return _answer(caller, caller.run(vote_approval, command))


@route(
    router,
    "POST",
    "/approvals/{approval_id}/approve",
    "approval.vote",
    shows=dict[str, Any],
    keyed=True,
    errors=VOTE_ERRORS,
)
def post_approve(caller: Asking, approval_id: ApprovalId, body: Reasoned) -> Answer:
    """Vote for somebody else's request."""
    return _vote(caller, approval_id, "approve", body.reason)


@route(
    router,
    "POST",
    "/approvals/{approval_id}/reject",
    "approval.vote",
    shows=dict[str, Any],
    keyed=True,
    errors=VOTE_ERRORS,
)
def post_reject(caller: Asking, approval_id: ApprovalId, body: Reasoned) -> Answer:
    """Vote against it; one rejection ends it."""
    return _vote(caller, approval_id, "reject", body.reason)


@route(
    router,
    "POST",
    "/approvals/{approval_id}/withdraw",
    "approval.request",
    shows=dict[str, Any],
    keyed=True,
    errors=("APPROVAL_NOT_FOUND", "APPROVAL_STATE_CONFLICT", "APPROVAL_EXPIRED"),
)
def post_withdraw(caller: Asking, approval_id: ApprovalId, body: Reasoned) -> Answer:
    """Take an own undecided request back."""
    _visible(caller, approval_id)
    return _answer(caller, caller.run(withdraw_approval, WithdrawApproval(approval_id=approval_id, reason=body.reason)))
