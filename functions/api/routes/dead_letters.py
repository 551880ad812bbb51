"""Dead letters: seen, requeued, replayed, and discarded with an approval (spec A114-A117)."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from functions.api.answers import Answer, accepted, view
from functions.api.caller import Asking, Caller
from functions.api.fields import ApprovalId, DeadLetterId, Input, JsonObject, ProjectId, Text
from functions.api.paging import Cursor, Limit, given, page
from functions.api.routes.jobs import started
from functions.api.routing import new_router, route
from shared.domain.dead_letters import DeadLetter, redacted
from shared.usecases.discard_dead_letter import DiscardDeadLetter, discard_dead_letter
from shared.usecases.replay_dead_letter import ReplayDeadLetter, replay_dead_letter
from shared.usecases.requeue_dead_letter import RequeueDeadLetter, requeue_dead_letter

router = new_router()
MISSING = "DLQ_ITEM_NOT_FOUND"
ITEM = "/dlq/items/{dlq_id}"
JobType = Literal["ingest_document", "evaluate_bid", "resume_evaluation", "export", "batch"]


class Requeue(Input):
    """Why, and payload keys to change; each job type honours its own few."""

    reason: Text
    patch: JsonObject = Field(default_factory=dict)


class Replay(Input):
    """Why."""

    reason: Text


class Discard(Input):
    """Why, as it was approved, and the approval."""

    reason: Text
    approval_id: ApprovalId | None = None


def show_item(item: DeadLetter) -> dict[str, Any]:
    """The item in a list; the cause is the error that ended it."""
    cause = redacted(item.context.get("error", {"code": item.error_code, "class": item.error_class}))
    return view(item, "context", "payload", cause=cause)


def _visible(caller: Caller, dlq_id: str, action: str) -> DeadLetter:
    item = caller.records.dead_letters.get(dlq_id)
    caller.require(action, item.project_id, missing=MISSING)
    return item


@route(router, "GET", "/dlq/items", "dead_letter.read", lists=dict[str, Any], errors=("REQ_CURSOR_INVALID",))
def get_items(
    caller: Asking,
    status: Literal["open", "requeued", "discarded"] | None = None,
    kind: Literal["job", "message"] | None = None,
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{2,59}$")] | None = None,
    job_type: JobType | None = None,
    project_id: ProjectId | None = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer:
    """Dead letters, newest first."""
    filters = given(status=status, kind=kind, code=code, job_type=job_type, project_id=project_id)
    return page(
        caller,
        lambda before, count: caller.records.dead_letters.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="dlq_id",
        limit=limit,
        cursor=cursor,
        show=show_item,
        project_of=lambda item: item.project_id,
    )


@route(router, "GET", ITEM, "dead_letter.read", shows=dict[str, Any], errors=(MISSING,))
def get_item(caller: Asking, dlq_id: DeadLetterId) -> Answer:
    """One dead letter with its attempts and its payload without secrets."""
    item = _visible(caller, dlq_id, "dead_letter.read")
    attempts = list(caller.records.dead_letters.attempts(item.job_id)) if item.job_id else []
    data = show_item(item) | {"attempts": attempts, "payload": redacted(item.payload)}
    return Answer(data=data, etag=item.row_version)


@route(
    router,
    "POST",
    f"{ITEM}/requeue",
    "dead_letter.requeue",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=(MISSING, "DLQ_REQUEUE_CONFLICT", "TENANT_BACKLOG_FULL"),
)
def post_requeue(caller: Asking, dlq_id: DeadLetterId, body: Requeue) -> Answer:
    """Do the job again; what it had finished is kept."""
    _visible(caller, dlq_id, "dead_letter.requeue")
    done = caller.run(requeue_dead_letter, RequeueDeadLetter(dlq_id=dlq_id, reason=body.reason, patch=body.patch))
    data = started(done.job, done.run_id) | {"dlq_id": dlq_id, "requeue_of": done.job.requeue_of}
    return accepted(data, location=f"/api/v1/jobs/{done.job.job_id}")


@route(
    router,
    "POST",
    f"{ITEM}/replay",
    "dead_letter.replay",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=(MISSING, "DLQ_REPLAY_CONFLICT"),
)
def post_replay(caller: Asking, dlq_id: DeadLetterId, body: Replay) -> Answer:
    """Send the message to its consumer again, under the same event id."""
    _visible(caller, dlq_id, "dead_letter.replay")
    done = caller.run(replay_dead_letter, ReplayDeadLetter(dlq_id=dlq_id, reason=body.reason))
    return accepted(show_item(done), location=f"/api/v1/dlq/items/{dlq_id}")


@route(
    router,
    "POST",
    f"{ITEM}/discard",
    "dead_letter.discard",
    shows=dict[str, Any],
    keyed=True,
    errors=(
        MISSING,
        "DLQ_DISCARD_CONFLICT",
        "APPROVAL_REQUIRED",
        "APPROVAL_EXPIRED",
        "APPROVAL_SUBJECT_CHANGED",
        "APPROVAL_STATE_CONFLICT",
    ),
)
def post_discard(caller: Asking, dlq_id: DeadLetterId, body: Discard) -> Answer:
    """Give the item up with a second person's approval; the resource keeps its failed state."""
    _visible(caller, dlq_id, "dead_letter.discard")
    command = DiscardDeadLetter(dlq_id=dlq_id, reason=body.reason, approval_id=body.approval_id)
    done = caller.run(discard_dead_letter, command)
    return Answer(data=show_item(done), etag=done.row_version)
