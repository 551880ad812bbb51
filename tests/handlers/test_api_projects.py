"""Projects, suppliers and bids over HTTP: every success and every specific error (spec A41-A45, A17)."""

import pytest

from tests.handlers.api_server import Api

NEW = {"code": "P-1", "name": "桥梁 Bridge", "currency": "EUR", "opens_at": "2026-01-31T09:00:00+01:00"}
NOWHERE = f"prj_{'0' * 26}"
VERSION = {"If-Match": '"1"'}


def test_a_project_is_created_shown_listed_and_changed(api: Api) -> None:
    answer = api.call("POST", "/projects", NEW)
    project = answer.json()["data"]
    assert answer.status_code == 201 and answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"/api/v1/projects/{project['project_id']}"
    assert (project["status"], project["size"], project["opens_at"]) == ("draft", "medium", "2026-01-31T08:00:00.000Z")
    path = f"/projects/{project['project_id']}"
    assert api.ok("GET", path, role="viewer") == project
    assert api.ok("GET", "/projects", status="draft", code="P-1")["items"] == [project]
    assert api.ok("GET", "/projects", status="open")["items"] == []
    changed = api.ok("PATCH", path, {"name": "Road", "opens_at": None}, headers=VERSION)
    assert (changed["name"], changed["opens_at"], changed["row_version"]) == ("Road", None, 2)


def test_reading_again_with_the_etag_costs_nothing(api: Api) -> None:
    path = f"/projects/{api.ok('POST', '/projects', NEW)['project_id']}"
    answer = api.call("GET", path, headers={"If-None-Match": '"1"'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert api.call("GET", path, headers={"If-None-Match": '"7"'}).status_code == 200


def test_project_errors_have_their_codes(api: Api) -> None:
    path = f"/projects/{api.ok('POST', '/projects', NEW)['project_id']}"
    assert api.refused("POST", "/projects", NEW) == (409, "CODE_TAKEN")
    pack = {"rule_pack": {"id": f"rpk_{'0' * 26}", "version": 1}}
    assert api.refused("POST", "/projects", NEW | pack | {"code": "P-2"}) == (404, "RULE_PACK_NOT_FOUND")
    assert api.refused("PATCH", path, pack, headers=VERSION) == (404, "RULE_PACK_NOT_FOUND")
    assert api.refused("GET", f"/projects/{NOWHERE}") == (404, "PROJECT_NOT_FOUND")
    assert api.refused("PATCH", path, {"name": "x"}) == (428, "REQ_PRECONDITION_REQUIRED")
    assert api.refused("PATCH", path, {"name": None}, headers=VERSION) == (400, "REQ_VALIDATION_FAILED")
    stale = api.call("PATCH", path, {"name": "x"}, headers={"If-Match": '"9"'})
    assert (stale.status_code, stale.headers["etag"]) == (412, '"1"')
    assert api.refused("POST", f"{path}/close", {}) == (409, "WF_STATE_TRANSITION_INVALID")
    assert api.refused("POST", f"/projects/{NOWHERE}/open", {}) == (404, "PROJECT_NOT_FOUND")


def test_a_project_goes_from_draft_to_archive_and_then_refuses_changes(api: Api) -> None:
    path = f"/projects/{api.ok('POST', '/projects', NEW)['project_id']}"
    moves = [("open", "open"), ("close", "closed"), ("reopen", "open"), ("close", "closed"), ("archive", "archived")]
    for action, status in moves:
        assert api.ok("POST", f"{path}/{action}", {"reason": "test"})["status"] == status
    assert api.refused("PATCH", path, {"name": "x"}, headers={"If-Match": '"6"'}) == (409, "PROJECT_CLOSED")
    assert ("project.reopen", "done") in api.audit_actions()


def test_suppliers_are_created_found_and_changed(api: Api) -> None:
    supplier = api.ok("POST", "/suppliers", {"code": "S-1", "name": "Aqua", "risk_flags": {"late": True}})
    path = f"/suppliers/{supplier['supplier_id']}"
    assert api.ok("GET", path, role="evaluator") == supplier
    assert api.ok("GET", "/suppliers", code="S-1", name="Aqua")["items"] == [supplier]
    changed = api.ok("PATCH", path, {"risk_flags": {"late": None, "small": True}}, headers=VERSION)
    assert changed["risk_flags"] == {"small": True, "schema_version": 1}
    assert api.refused("POST", "/suppliers", {"code": "S-1", "name": "B"}) == (409, "CODE_TAKEN")
    assert api.refused("GET", f"/suppliers/sup_{'0' * 26}") == (404, "SUPPLIER_NOT_FOUND")
    assert api.refused("PATCH", path, {"code": "S-2"}, headers={"If-Match": '"2"'}) == (400, "REQ_VALIDATION_FAILED")
    assert api.refused("PATCH", path, {"name": "B"}, headers=VERSION) == (412, "REQ_PRECONDITION_FAILED")


def test_bids_are_registered_listed_and_changed(api: Api) -> None:
    project = api.ok("POST", "/projects", NEW)["project_id"]
    supplier = api.ok("POST", "/suppliers", {"code": "S-1", "name": "Aqua"})["supplier_id"]
    bid = api.ok("POST", f"/projects/{project}/bids", {"supplier_id": supplier})
    assert (bid["status"], bid["submitted_at"]) == ("invited", None)
    assert api.ok("GET", f"/projects/{project}/bids", status="invited")["items"] == [bid]
    path = f"/bids/{bid['bid_id']}"
    assert api.ok("GET", path) == bid
    assert api.ok("PATCH", path, {"status": "submitted"}, headers=VERSION)["status"] == "submitted"
    back = api.refused("PATCH", path, {"status": "invited"}, headers={"If-Match": '"2"'})
    assert back == (409, "WF_STATE_TRANSITION_INVALID")
    again = api.refused("POST", f"/projects/{project}/bids", {"supplier_id": supplier})
    assert again == (409, "CODE_TAKEN")
    unknown = {"supplier_id": f"sup_{'0' * 26}"}
    assert api.refused("POST", f"/projects/{project}/bids", unknown) == (404, "SUPPLIER_NOT_FOUND")
    assert api.refused("POST", f"/projects/{NOWHERE}/bids", unknown) == (404, "PROJECT_NOT_FOUND")
    assert api.refused("GET", f"/projects/{NOWHERE}/bids") == (404, "PROJECT_NOT_FOUND")
    assert api.refused("GET", f"/bids/bid_{'0' * 26}") == (404, "BID_NOT_FOUND")
    for action in ("open", "close"):
        api.ok("POST", f"/projects/{project}/{action}", {})
    assert api.refused("POST", f"/projects/{project}/bids", {"supplier_id": supplier}) == (409, "PROJECT_CLOSED")


@pytest.mark.parametrize("role", ["evaluator", "viewer", "auditor"])
def test_readers_read_and_do_not_write(api: Api, role: str) -> None:
    project = api.ok("POST", "/projects", NEW)["project_id"]
    assert api.call("GET", f"/projects/{project}", role=role).is_success
    for path, body in (
        ("/projects", NEW),
        ("/suppliers", {"code": "S", "name": "B"}),
        (f"/projects/{project}/open", {}),
    ):
        assert api.refused("POST", path, body, role=role) == (403, "AUTH_FORBIDDEN")


def grant(api: Api, person: str, role: str, project: str) -> None:
    api.as_owner(
        "insert into role_grants (grant_id, principal_id, role, scope, project_id) values (%s, %s, %s, 'project', %s)",
        api.server.services.ids.new("grn"),
        api.tenant.user_ids[person],
        role,
        project,
    )


def test_a_project_grant_replaces_the_tenant_role_in_both_directions(api: Api) -> None:
    mine, theirs = (api.ok("POST", "/projects", NEW | {"code": c})["project_id"] for c in ("P-1", "P-2"))
    grant(api, "viewer", "agent", mine)
    assert api.ok("PATCH", f"/projects/{mine}", {"name": "x"}, role="viewer", headers=VERSION)["name"] == "x"
    assert (
        api.refused("PATCH", f"/projects/{theirs}", {"name": "x"}, role="viewer", headers=VERSION)[1]
        == "AUTH_FORBIDDEN"
    )
    grant(api, "agent", "viewer", mine)
    assert api.refused("PATCH", f"/projects/{mine}", {"name": "y"}, headers={"If-Match": '"2"'})[1] == "AUTH_FORBIDDEN"
    assert ("project.write", "denied") in api.audit_actions()


def test_a_person_with_one_project_sees_that_project_only(api: Api) -> None:
    ids = [api.ok("POST", "/projects", NEW | {"code": f"P-{n}"})["project_id"] for n in range(5)]
    api.as_owner("update role_grants set revoked_at = now() where principal_id = %s", api.tenant.user_ids["viewer"])
    grant(api, "viewer", "viewer", ids[1])
    assert [p["project_id"] for p in api.ok("GET", "/projects", role="viewer", limit=1)["items"]] == [ids[1]]
    assert api.refused("GET", f"/projects/{ids[0]}", role="viewer") == (404, "PROJECT_NOT_FOUND")
    assert api.refused("GET", "/suppliers", role="viewer") == (403, "AUTH_FORBIDDEN")
    me = api.ok("GET", "/me", role="viewer")
    assert me["roles"] == [] and me["project_grants"][0]["project_id"] == ids[1]
