"""Rule packs and their versions (spec A46, A47, A49; the two votes of E11 are not built: docs/decisions/0002)."""

from dataclasses import dataclass
from typing import Any

from pydantic import model_validator

from functions.api.answers import Answer, created, view
from functions.api.caller import Asking, Caller
from functions.api.fields import Code, Input, JsonObject, Name, RulePackId, VersionNumber
from functions.api.paging import Cursor, Limit, given, page
from functions.api.routing import new_router, route
from shared.domain.criteria import Criterion
from shared.domain.project_rows import RulePackRow, RulePackVersion
from shared.usecases.change_rule_pack import ChangeRulePack, change_rule_pack
from shared.usecases.create_rule_pack import CreateRulePack, create_rule_pack

router = new_router()
CONTENT = ("RULE_PACK_NOT_FOUND", "RULE_PACK_INVALID", "RULE_PACK_CYCLE", "RULE_OPERATOR_UNKNOWN")
VERSION_PATH = "/rule-packs/{rule_pack_id}/versions/{version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePackResource(RulePackRow):
    """A pack with its versions in short."""

    versions: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionResource(RulePackVersion):
    """A version with its criteria."""

    criteria: list[Criterion]


class NewRulePack(Input):
    """A named set of criteria."""

    code: Code
    name: Name


class RulePackPatch(Input):
    """The new name."""

    name: Name


class NewVersion(Input):
    """The content of 05 section 2, or the number of the version to copy."""

    payload: JsonObject | None = None
    from_version: VersionNumber | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "NewVersion":
        if (self.payload is None) == (self.from_version is None):
            raise ValueError("give payload or from_version")
        return self


class Draft(Input):
    """The whole new content of a draft."""

    payload: JsonObject


def _pack_answer(caller: Caller, pack: RulePackRow, *, new: bool = False) -> Answer:
    versions = [
        view(version, "payload", "lint", "rule_pack_id", "created_by")
        for version in caller.records.rule_packs.versions(pack.rule_pack_id)
    ]
    data, location = view(pack, versions=versions), f"/api/v1/rule-packs/{pack.rule_pack_id}"
    if new:
        return created(data, location=location, etag=pack.row_version)
    return Answer(data=data, etag=pack.row_version)


def _version_answer(caller: Caller, version: RulePackVersion, *, new: bool = False) -> Answer:
    criteria = caller.records.rule_packs.criteria(version.rule_pack_id, version.version)
    data = view(version, criteria=criteria)
    if new:
        location = f"/api/v1/rule-packs/{version.rule_pack_id}/versions/{version.version}"
        return created(data, location=location, etag=version.row_version)
    return Answer(data=data, etag=version.row_version)


@route(
    router,
    "POST",
    "/rule-packs",
    "rule_pack.draft",
    shows=RulePackResource,
    status=201,
    keyed=True,
    errors=("CODE_TAKEN",),
)
def post_rule_pack(caller: Asking, body: NewRulePack) -> Answer:
    """Create a rule pack; its first version comes next."""
    return _pack_answer(caller, caller.run(create_rule_pack, CreateRulePack(**body.filled())), new=True)


@route(router, "GET", "/rule-packs", "rule_pack.read", lists=RulePackRow, errors=("REQ_CURSOR_INVALID",))
def get_rule_packs(caller: Asking, code: Code | None = None, limit: Limit = 20, cursor: Cursor = None) -> Answer:
    """Rule packs, newest first."""
    filters = given(code=code)
    return page(
        caller,
        lambda before, count: caller.records.rule_packs.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="rule_pack_id",
        limit=limit,
        cursor=cursor,
    )


@route(
    router,
    "GET",
    "/rule-packs/{rule_pack_id}",
    "rule_pack.read",
    shows=RulePackResource,
    errors=("RULE_PACK_NOT_FOUND",),
)
def get_rule_pack(caller: Asking, rule_pack_id: RulePackId) -> Answer:
    """One rule pack with its versions."""
    return _pack_answer(caller, caller.records.rule_packs.get(rule_pack_id))


@route(
    router,
    "PATCH",
    "/rule-packs/{rule_pack_id}",
    "rule_pack.draft",
    shows=RulePackResource,
    match=True,
    errors=("RULE_PACK_NOT_FOUND",),
)
def patch_rule_pack(caller: Asking, rule_pack_id: RulePackId, body: RulePackPatch) -> Answer:
    """Rename a rule pack."""
    command = ChangeRulePack(
        rule_pack_id=rule_pack_id, action="rename", name=body.name, expected_row_version=caller.if_match
    )
    return _pack_answer(caller, caller.run(change_rule_pack, command).pack)


@route(
    router,
    "POST",
    "/rule-packs/{rule_pack_id}/versions",
    "rule_pack.draft",
    shows=VersionResource,
    status=201,
    keyed=True,
    errors=CONTENT,
)
def post_version(caller: Asking, rule_pack_id: RulePackId, body: NewVersion) -> Answer:
    """Add a draft version from content or from an earlier version."""
    command = ChangeRulePack(
        rule_pack_id=rule_pack_id,
        action="add_version",
        payload=body.payload or {},
        from_version=body.from_version,
    )
    return _version(caller, command, new=True)


@route(router, "GET", VERSION_PATH, "rule_pack.read", shows=VersionResource, errors=("RULE_PACK_NOT_FOUND",))
def get_version(caller: Asking, rule_pack_id: RulePackId, version: VersionNumber) -> Answer:
    """One version with criteria and lint findings."""
    return _version_answer(caller, caller.records.rule_packs.version(rule_pack_id, version))


@route(
    router,
    "PUT",
    VERSION_PATH,
    "rule_pack.draft",
    shows=VersionResource,
    match=True,
    errors=(*CONTENT, "RULE_PACK_LOCKED"),
)
def put_version(caller: Asking, rule_pack_id: RulePackId, version: VersionNumber, body: Draft) -> Answer:
    """Replace the content of a draft."""
    command = ChangeRulePack(
        rule_pack_id=rule_pack_id,
        action="save_draft",
        version=version,
        payload=body.payload,
        expected_row_version=caller.if_match,
    )
    return _version(caller, command)


def _version(caller: Caller, command: ChangeRulePack, *, new: bool = False) -> Answer:
    saved = caller.run(change_rule_pack, command).version
    assert saved is not None, "all actions but rename give a version"
    return _version_answer(caller, saved, new=new)


@route(
    router,
    "POST",
    VERSION_PATH + "/submit",
    "rule_pack.draft",
    shows=VersionResource,
    keyed=True,
    errors=("RULE_PACK_NOT_FOUND", "WF_STATE_TRANSITION_INVALID", "RULE_PACK_INVALID"),
)
def post_version_submit(caller: Asking, rule_pack_id: RulePackId, version: VersionNumber) -> Answer:
    """Hand a draft in for activation; its content is fixed from then on."""
    return _version(caller, ChangeRulePack(rule_pack_id=rule_pack_id, action="submit", version=version))


@route(
    router,
    "POST",
    VERSION_PATH + "/activate",
    "rule_pack.activate",
    shows=VersionResource,
    keyed=True,
    errors=("RULE_PACK_NOT_FOUND", "WF_STATE_TRANSITION_INVALID", "RULE_PACK_INVALID", "APPROVAL_SELF_FORBIDDEN"),
)
def post_version_activate(caller: Asking, rule_pack_id: RulePackId, version: VersionNumber) -> Answer:
    """Activate a submitted version; by an admin who wrote none of it."""
    return _version(caller, ChangeRulePack(rule_pack_id=rule_pack_id, action="activate", version=version))


@route(
    router,
    "POST",
    VERSION_PATH + "/retire",
    "rule_pack.retire",
    shows=VersionResource,
    keyed=True,
    errors=("RULE_PACK_NOT_FOUND", "WF_STATE_TRANSITION_INVALID"),
)
def post_version_retire(caller: Asking, rule_pack_id: RulePackId, version: VersionNumber) -> Answer:
    """Retire an active version; evaluations that use it go on."""
    return _version(caller, ChangeRulePack(rule_pack_id=rule_pack_id, action="retire", version=version))
