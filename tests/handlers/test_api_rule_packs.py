"""Rule packs and versions over HTTP (spec A46, A47, A49)."""

import copy
import json
from pathlib import Path
from typing import Any

from tests.handlers.api_server import Api

PACK: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "demo" / "zh" / "rules.json").read_text(encoding="utf-8")
)
NEW = {"code": "R-1", "name": "规则"}


def a_pack(api: Api) -> str:
    return f"/rule-packs/{api.ok('POST', '/rule-packs', NEW)['rule_pack_id']}"


def test_a_version_goes_from_draft_to_active_to_retired(api: Api) -> None:
    pack = a_pack(api)
    answer = api.call("POST", f"{pack}/versions", {"payload": PACK})
    version = answer.json()["data"]
    assert answer.status_code == 201 and answer.headers["location"].endswith("/versions/1")
    assert version["status"] == "draft" and len(version["criteria"]) == len(PACK["criteria"])
    assert isinstance(version["criteria"][0]["weight"], str)
    at = f"{pack}/versions/1"
    saved = api.ok("PUT", at, {"payload": PACK}, headers={"If-Match": '"1"'})
    assert saved["row_version"] == 2 and saved["content_hash"] == version["content_hash"]
    assert api.ok("POST", f"{at}/submit", {})["status"] == "in_review"
    assert api.ok("POST", f"{at}/activate", {}, role="admin")["status"] == "active"
    assert api.ok("GET", at, role="viewer")["activated_by"] == api.tenant.user_ids["admin"]
    copied = api.ok("POST", f"{pack}/versions", {"from_version": 1})
    assert (copied["version"], copied["content_hash"]) == (2, version["content_hash"])
    assert [v["status"] for v in api.ok("GET", pack)["versions"]] == ["active", "draft"]
    assert api.ok("POST", f"{at}/retire", {}, role="admin")["status"] == "retired"


def test_packs_are_listed_shown_and_renamed(api: Api) -> None:
    pack = a_pack(api)
    assert [row["name"] for row in api.ok("GET", "/rule-packs", code="R-1")["items"]] == ["规则"]
    assert api.ok("PATCH", pack, {"name": "Rules"}, headers={"If-Match": '"1"'})["name"] == "Rules"
    assert api.refused("PATCH", pack, {"name": "X"}, headers={"If-Match": '"1"'}) == (412, "REQ_PRECONDITION_FAILED")
    assert api.refused("POST", "/rule-packs", NEW) == (409, "CODE_TAKEN")


def test_an_active_version_can_be_used_by_a_project_and_a_draft_cannot(api: Api) -> None:
    pack = a_pack(api)
    api.ok("POST", f"{pack}/versions", {"payload": PACK})
    body = {"code": "P", "name": "P", "currency": "CNY", "rule_pack": {"id": pack.rpartition("/")[2], "version": 1}}
    assert api.refused("POST", "/projects", body) == (409, "RULE_PACK_NOT_ACTIVE")
    api.ok("POST", f"{pack}/versions/1/submit", {})
    api.ok("POST", f"{pack}/versions/1/activate", {}, role="admin")
    assert api.ok("POST", "/projects", body)["rule_pack_version"] == 1


def test_rule_pack_errors_have_their_codes(api: Api) -> None:
    pack = a_pack(api)
    versions = f"{pack}/versions"
    broken = copy.deepcopy(PACK)
    broken["criteria"][0]["kind"] = "guess"
    assert api.refused("POST", versions, {"payload": broken}) == (422, "RULE_PACK_INVALID")
    unknown = copy.deepcopy(PACK)
    next(c for c in unknown["criteria"] if c["kind"] == "numeric_limit")["test"]["op"] = "roughly"
    assert api.refused("POST", versions, {"payload": unknown}) == (422, "RULE_OPERATOR_UNKNOWN")
    cycle = copy.deepcopy(PACK)
    first, second = cycle["criteria"][:2]
    first["depends_on"], second["depends_on"] = [second["code"]], [first["code"]]
    assert api.refused("POST", versions, {"payload": cycle}) == (422, "RULE_PACK_CYCLE")
    assert api.refused("POST", versions, {}) == (400, "REQ_VALIDATION_FAILED")
    assert api.refused("POST", versions, {"payload": PACK, "from_version": 1}) == (400, "REQ_VALIDATION_FAILED")
    assert api.refused("POST", versions, {"from_version": 4}) == (404, "RULE_PACK_NOT_FOUND")
    assert api.refused("GET", f"{versions}/9") == (404, "RULE_PACK_NOT_FOUND")
    assert api.refused("GET", f"/rule-packs/rpk_{'0' * 26}") == (404, "RULE_PACK_NOT_FOUND")
    api.ok("POST", versions, {"payload": PACK})
    assert api.refused("POST", f"{versions}/1/activate", {}, role="admin") == (409, "WF_STATE_TRANSITION_INVALID")
    api.ok("POST", f"{versions}/1/submit", {})
    assert api.refused("PUT", f"{versions}/1", {"payload": PACK}, headers={"If-Match": '"2"'}) == (
        409,
        "RULE_PACK_LOCKED",
    )
    assert api.refused("POST", f"{versions}/1/submit", {}) == (409, "WF_STATE_TRANSITION_INVALID")
    assert api.refused("POST", f"{versions}/1/activate", {}) == (403, "AUTH_FORBIDDEN")
    assert api.refused("POST", f"{versions}/1/retire", {}, role="admin") == (409, "WF_STATE_TRANSITION_INVALID")


def test_an_admin_does_not_activate_what_they_wrote(api: Api) -> None:
    pack = a_pack(api)
    api.ok("POST", f"{pack}/versions", {"payload": PACK}, role="admin")
    api.ok("POST", f"{pack}/versions/1/submit", {})
    assert api.refused("POST", f"{pack}/versions/1/activate", {}, role="admin") == (403, "APPROVAL_SELF_FORBIDDEN")
    assert ("rule_pack.activate", "denied") in api.audit_actions()
