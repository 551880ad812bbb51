"""Tenders (spec A41, A42)."""

from typing import Literal

from functions.api.answers import Answer, created
from functions.api.caller import Asking, Caller
from functions.api.fields import Code, Currency, Input, JsonObject, Name, ProjectId, RulePackRef, Text, Time
from functions.api.paging import Cursor, Limit, given, page
from functions.api.routing import new_router, route
from shared.domain.project_rows import Project
from shared.usecases.change_project import ChangeProject, change_project
from shared.usecases.create_project import CreateProject, create_project

router = new_router()
Size = Literal["small", "medium", "large"]
Status = Literal["draft", "open", "closed", "archived"]
PACK = ("RULE_PACK_NOT_FOUND", "RULE_PACK_NOT_ACTIVE")
MOVE = ("PROJECT_NOT_FOUND", "WF_STATE_TRANSITION_INVALID")


class NewProject(Input):
    """A tender to create; it starts as a draft."""

    code: Code
    name: Name
    currency: Currency
    size: Size = "medium"
    high_risk: bool = False
    rule_pack: RulePackRef | None = None
    opens_at: Time | None = None
    closes_at: Time | None = None
    settings: JsonObject | None = None


class ProjectPatch(Input):
    """A merge patch: what is not sent stays; null clears rule_pack, opens_at and closes_at."""

    name: Name = ""
    currency: Currency = ""
    size: Size = "medium"
    high_risk: bool = False
    rule_pack: RulePackRef | None = None
    opens_at: Time | None = None
    closes_at: Time | None = None
    settings: JsonObject | None = None


class ProjectMove(Input):
    """Why the project changes its state."""

    reason: Text | None = None


def project_answer(project: Project) -> Answer:
    """One project with its ETag."""
    return Answer(data=project, etag=project.row_version)


@route(
    router, "POST", "/projects", "project.create", shows=Project, status=201, keyed=True, errors=("CODE_TAKEN", *PACK)
)
def post_project(caller: Asking, body: NewProject) -> Answer:
    """Create a project."""
    fields = body.filled()
    pack = fields.pop("rule_pack") or {"id": None, "version": None}
    command = CreateProject(**fields, rule_pack_id=pack["id"], rule_pack_version=pack["version"])
    project = caller.run(create_project, command)
    return created(project, location=f"/api/v1/projects/{project.project_id}", etag=project.row_version)


@route(router, "GET", "/projects", "project.read", lists=Project, errors=("REQ_CURSOR_INVALID",))
def get_projects(
    caller: Asking, status: Status | None = None, code: Code | None = None, limit: Limit = 20, cursor: Cursor = None
) -> Answer:
    """Projects, newest first."""
    filters = given(status=status, code=code)
    return page(
        caller,
        lambda before, count: caller.records.projects.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="project_id",
        limit=limit,
        cursor=cursor,
        project_of=lambda project: project.project_id,
    )


@route(router, "GET", "/projects/{project_id}", "project.read", shows=Project, errors=("PROJECT_NOT_FOUND",))
def get_project(caller: Asking, project_id: ProjectId) -> Answer:
    """One project."""
    caller.require("project.read", project_id, missing="PROJECT_NOT_FOUND")
    return project_answer(caller.records.projects.get(project_id))


@route(
    router,
    "PATCH",
    "/projects/{project_id}",
    "project.write",
    shows=Project,
    match=True,
    errors=("PROJECT_NOT_FOUND", "PROJECT_CLOSED", *PACK),
)
def patch_project(caller: Asking, project_id: ProjectId, body: ProjectPatch) -> Answer:
    """Change fields of a project by JSON merge patch."""
    caller.require("project.write", project_id, missing="PROJECT_NOT_FOUND")
    command = ChangeProject(
        project_id=project_id, action="patch", patch=body.sent(), expected_row_version=caller.if_match
    )
    return project_answer(caller.run(change_project, command))


def _move(caller: Caller, project_id: str, action: str, body: ProjectMove | None) -> Answer:
    caller.require("project.write", project_id, missing="PROJECT_NOT_FOUND")
    reason = body.reason if body else None
    return project_answer(
        caller.run(change_project, ChangeProject(project_id=project_id, action=action, reason=reason))
    )


@route(router, "POST", "/projects/{project_id}/open", "project.write", shows=Project, keyed=True, errors=MOVE)
def post_project_open(caller: Asking, project_id: ProjectId, body: ProjectMove | None = None) -> Answer:
    """Open a draft for bids."""
    return _move(caller, project_id, "open", body)


@route(router, "POST", "/projects/{project_id}/close", "project.write", shows=Project, keyed=True, errors=MOVE)
def post_project_close(caller: Asking, project_id: ProjectId, body: ProjectMove | None = None) -> Answer:
    """Close the bid set; formulas over all bids can be computed from then on."""
    return _move(caller, project_id, "close", body)


@route(router, "POST", "/projects/{project_id}/reopen", "project.write", shows=Project, keyed=True, errors=MOVE)
def post_project_reopen(caller: Asking, project_id: ProjectId, body: ProjectMove | None = None) -> Answer:
    """Open a closed project again; the audit log keeps the reason."""
    return _move(caller, project_id, "reopen", body)


@route(router, "POST", "/projects/{project_id}/archive", "project.write", shows=Project, keyed=True, errors=MOVE)
def post_project_archive(caller: Asking, project_id: ProjectId, body: ProjectMove | None = None) -> Answer:
    """Archive a closed project; it never changes again."""
    return _move(caller, project_id, "archive", body)
