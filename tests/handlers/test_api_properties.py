"""Generated calls over all routes: no 5xx, no undocumented status, always the envelope, never a foreign byte (A161)."""

import json
import secrets
import string
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.api.app import create_app
from tests.handlers.api_server import Api, Server, new_api

COMMON = {400, 401, 403, 404, 409, 412, 413, 415, 428}
TEXTS = st.text(max_size=30) | st.sampled_from(
    ["", " ", "a", "EUR", "../x", "\ud7ff", "2026-01-01T00:00:00Z", "1", "draft"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PREFIXES = "prj sup bid rpk crt upl fil doc chk cit evl rev rpt job run".split()


@st.composite
def calls(draw: st.DrawFn, schema: dict[str, Any]) -> dict[str, Any]:
    """A route with ids, query, headers and body that may or may not fit."""
    path = draw(st.sampled_from([p for p in schema["paths"] if p.startswith("/api/v1")]))
    method = draw(st.sampled_from(list(schema["paths"][path])))
    operation = schema["paths"][path][method]
    parameters = operation.get("parameters", [])
    filled = path
    for name in [p["name"] for p in parameters if p["in"] == "path"]:
        known = draw(st.sampled_from(["KNOWN", "FOREIGN", *(f"{p}_{'0' * 26}" for p in PREFIXES), "1", "x%00", "é"]))
        filled = filled.replace("{" + name + "}", f"{known}:{name}" if known in ("KNOWN", "FOREIGN") else known)
    names = [p["name"] for p in parameters if p["in"] == "query"]
    query = draw(st.dictionaries(st.sampled_from([*names, "odd"]), TEXTS, max_size=3))
    fields = _fields(schema, operation)
    body = draw(st.none() | VALUES | st.dictionaries(st.sampled_from([*fields, "odd"]), VALUES | IDS, max_size=6))
    return {"method": method, "route": path, "path": filled, "query": query, "body": body}


IDS = st.sampled_from([f"{prefix}_{'0' * 26}" for prefix in PREFIXES])


def _fields(schema: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    text = json.dumps(operation.get("requestBody", {}))
    named = [name for name in schema["components"]["schemas"] if f'/{name}"' in text]
    return [field for name in named for field in schema["components"]["schemas"][name].get("properties", {})]


def fill(path: str, own: dict[str, str], foreign: dict[str, str]) -> str:
    for prefix, rows in (("KNOWN", own), ("FOREIGN", foreign)):
        for name in ("project_id", "supplier_id", "bid_id", "rule_pack_id"):
            path = path.replace(f"{prefix}:{name}", rows[name])
    return "/".join("1" if part.startswith(("KNOWN:", "FOREIGN:")) else part for part in path.split("/"))


def furnish(api: Api, mark: str) -> dict[str, str]:
    project = api.ok("POST", "/projects", {"code": "P", "name": mark, "currency": "EUR"})["project_id"]
    supplier = api.ok("POST", "/suppliers", {"code": "S", "name": mark})["supplier_id"]
    bid = api.ok("POST", f"/projects/{project}/bids", {"supplier_id": supplier})["bid_id"]
    pack = api.ok("POST", "/rule-packs", {"code": "R", "name": mark})["rule_pack_id"]
    return {"project_id": project, "supplier_id": supplier, "bid_id": bid, "rule_pack_id": pack}


def test_no_generated_call_breaks_the_contract(api_server: Server) -> None:
    schema = create_app(api_server.services).openapi()
    api, other = new_api(api_server), new_api(api_server)
    own, foreign = furnish(api, "mine"), furnish(other, "SECRET-OF-ANOTHER")

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        call=calls(schema),
        role=st.sampled_from(["admin", "agent", "evaluator"]),
        etag=st.sampled_from(['"1"', "x", ""]),
    )
    def probe(call: dict[str, Any], role: str, etag: str) -> None:
        headers = {
            "Authorization": f"Bearer {api.token(role)}",
            "Idempotency-Key": secrets.token_hex(8),
            "If-Match": etag,
        }
        answer = api.http.request(
            call["method"].upper(),
            fill(call["path"], own, foreign),
            params=call["query"],
            json=call["body"],
            headers=headers,
        )
        check(schema, call, answer)

    probe()
    assert other.ok("GET", f"/projects/{foreign['project_id']}")["name"] == "SECRET-OF-ANOTHER"


def check(schema: dict[str, Any], call: dict[str, Any], answer: httpx.Response) -> None:
    documented = {int(status) for status in schema["paths"][call["route"]][call["method"]]["responses"]}
    assert answer.status_code < 500 and answer.status_code in documented | COMMON, (call, answer.text)
    assert "SECRET-OF-ANOTHER" not in answer.text
    body = answer.json()
    assert body["success"] is (answer.status_code < 400) and set(body["meta"]) == {"trace_id", "request_id"}
    assert all(character in string.hexdigits for character in body["meta"]["trace_id"])
