"""Every route with every role, compared with the policy table (spec S18, S46)."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from functions.api.app import create_app
from functions.api.policy import POLICY, ROLES, may, may_somewhere, roles_in
from functions.api.routing import GuardedRoute
from infra.local.tenants import ROLES as PEOPLE
from shared.domain.project_rows import Grant
from tests.handlers.api_server import Api

NOWHERE = "0" * 26
PREFIX = {"rule_pack_id": "rpk", "project_id": "prj", "evaluation_id": "evl", "criterion_id": "crt", "report_id": "rpt"}
PREFIX |= {"webhook_id": "whk", "delivery_id": "whd"}


def path_of(template: str) -> str:
    names: dict[str, Any] = {"version": "1"}
    for part in template.split("{")[1:]:
        name = part.partition("}")[0]
        names.setdefault(name, f"{PREFIX.get(name, name[:3])}_{NOWHERE}")
    names |= {"chunk_id": f"chk_{NOWHERE}", "citation_id": f"cit_{NOWHERE}", "upload_id": f"upl_{NOWHERE}"}
    return template.format(**names)


def operations(api: Api) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, found in create_app(api.server.services).openapi()["paths"].items():
        if path.startswith("/api/v1"):
            for method, operation in found.items():
                yield method.upper(), path_of(path.removeprefix("/api/v1")), operation


@pytest.mark.parametrize("role", PEOPLE)
def test_a_role_may_call_exactly_the_routes_of_its_actions(api: Api, role: str) -> None:
    for method, path, operation in operations(api):
        allowed = role in POLICY[operation["x-action"]].roles
        answer = api.call(method, path, {} if method != "GET" else None, role=role, headers={"If-Match": '"1"'})
        denied = answer.status_code == 403 and answer.json()["error"]["code"] == "AUTH_FORBIDDEN"
        assert denied != allowed, (role, method, path, answer.text)
        assert answer.status_code < 500, (role, method, path, answer.text)


def test_a_person_without_grants_may_nothing(api: Api) -> None:
    api.as_owner("update role_grants set revoked_at = now()")
    for method, path, _ in operations(api):
        assert api.refused(method, path, {} if method != "GET" else None)[1] == "AUTH_FORBIDDEN"


def test_every_action_is_used_and_every_role_is_known(api: Api) -> None:
    used = {operation["x-action"] for _, _, operation in operations(api)}
    assert used <= POLICY.keys()
    assert {role for row in POLICY.values() for role in row.roles} <= set(ROLES.values())


def test_a_route_without_a_rule_cannot_be_made() -> None:
    app = FastAPI()
    app.router.route_class = GuardedRoute
    with pytest.raises(AttributeError):
        app.get("/open")(lambda: None)


def test_project_grants_replace_tenant_grants_there_and_nowhere_else() -> None:
    grants = (Grant(role="viewer", scope="tenant"), Grant(role="agent", scope="project", project_id="p"))
    assert roles_in(grants, "p") == {"agent"} and roles_in(grants, "q") == roles_in(grants, None) == {"viewer"}
    assert may(grants, "project.write", "p") and not may(grants, "project.write", "q")
    assert may_somewhere(grants, "project.write") and not may_somewhere(grants, "project.create")
