"""Releases: drafted, started, read and rolled back by people of the platform (spec A144, O38)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from functions.api.answers import Answer, accepted, created, view
from functions.api.caller import Asking, Caller
from functions.api.fields import Input, ReleaseId, Sha256, Text
from functions.api.paging import Cursor, Limit, given, page
from functions.api.routes.jobs import started
from functions.api.routing import new_router, route
from shared.domain.jobs import Job
from shared.domain.releases import Release, rollback_times
from shared.usecases.draft_release import DraftRelease, draft_release
from shared.usecases.request_rollback import RequestRollback, request_rollback
from shared.usecases.start_release import StartRelease, start_release

router = new_router()
MISSING = "RELEASE_NOT_FOUND"
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Number = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,9}$")]
RunOfGate = Annotated[str, StringConstraints(pattern=r"^gat_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
Kind = Literal["quality", "performance", "security", "cost", "replay", "rollout", "rollback_drill", "operations"]
Status = Literal[
    "draft",
    "gating",
    "release_ready",
    "release_blocked",
    "canary",
    "baking",
    "closed",
    "rolling_back",
    "replay_verifying",
    "rolled_back",
    "rollback_failed",
    "superseded",
]
Size = Literal["small", "medium", "large"]


class VersionSet(BaseModel):
    """Everything that moves together: two configurations, machine -> version, function -> version."""

    model_config = ConfigDict(extra="forbid")
    model_configuration: Word
    retrieval_parameters: Word
    workflows: Annotated[dict[Word, Number], Field(min_length=1, max_length=20)]
    functions: Annotated[dict[Word, Number], Field(min_length=1, max_length=200)]


class NewRelease(Input):
    """The record of a release. What was measured is named by the id of its run; metrics and verdicts are refused."""

    version: Word
    commit_sha: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] | Sha256
    dataset_version: Word
    change_class: Literal["C1", "C2", "C3"]
    candidate: VersionSet
    baseline: VersionSet
    evidence: dict[Kind, RunOfGate]
    alarms: Annotated[list[Word], Field(min_length=1, max_length=50)]
    tenant_allow_list: Annotated[list[Word], Field(max_length=1000)] = Field(default_factory=list)
    sizes: list[Size] = Field(default_factory=list)
    approvers: Annotated[list[Word], Field(max_length=10)] = Field(default_factory=list)


class Rollback(Input):
    """Why."""

    reason: Text


@route(
    router,
    "POST",
    "/releases",
    "release.write",
    shows=dict[str, Any],
    status=201,
    keyed=True,
    errors=("DATASET_VERSION_REQUIRED", "CODE_TAKEN"),
)
def post_release(caller: Asking, body: NewRelease) -> Answer:
    """Draft a release on a frozen data set."""
    made = caller.run(draft_release, DraftRelease(**body.filled()))
    return created(_shown(caller, made), location=f"/api/v1/releases/{made.release_id}", etag=made.row_version)


@route(router, "GET", "/releases", "release.read", lists=dict[str, Any], errors=("REQ_CURSOR_INVALID",))
def get_releases(caller: Asking, status: Status | None = None, limit: Limit = 20, cursor: Cursor = None) -> Answer:
    """Releases, newest first."""
    filters = given(status=status)
    return page(
        caller,
        lambda before, count: caller.records.releases.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="release_id",
        limit=limit,
        cursor=cursor,
        show=view,
    )


@route(router, "GET", "/releases/{release_id}", "release.read", shows=dict[str, Any], errors=(MISSING,))
def get_release(caller: Asking, release_id: ReleaseId) -> Answer:
    """A release with its steps, and the times of its rollback from what is stored."""
    found = caller.records.releases.get(release_id)
    return Answer(data=_shown(caller, found), etag=found.row_version)


@route(
    router,
    "POST",
    "/releases/{release_id}/start",
    "release.start",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=(MISSING, "RELEASE_STATE_CONFLICT", "TENANT_BACKLOG_FULL"),
)
def post_start(caller: Asking, release_id: ReleaseId) -> Answer:
    """Start the rollout; the gate reads stored evidence and blocks what lacks it."""
    made = caller.run(start_release, StartRelease(release_id=release_id))
    return _queued(caller, made.job, made.run_id)


@route(
    router,
    "POST",
    "/releases/{release_id}/rollback",
    "release.roll_back",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=(MISSING, "RELEASE_STATE_CONFLICT", "TENANT_BACKLOG_FULL"),
)
def post_rollback(caller: Asking, release_id: ReleaseId, body: Rollback) -> Answer:
    """Roll back: the rollout does it at its next look, within a minute, or a job of its own begins with it."""
    made = caller.run(request_rollback, RequestRollback(release_id=release_id, reason=body.reason))
    return _queued(caller, made.job, made.run_id)


def _queued(caller: Caller, job: Job, run_id: str | None) -> Answer:
    run_id = run_id or caller.records.jobs.newest_run(job.job_id).run_id
    return accepted(started(job, run_id), location=f"/api/v1/releases/{job.resource_id}")


def _shown(caller: Caller, release: Release) -> dict[str, Any]:
    steps = [view(step, "release_id") for step in caller.records.releases.steps(release.release_id)]
    return view(release, steps=steps, rollback_times=rollback_times(release))
