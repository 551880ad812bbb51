"""Write docs/api.md from the OpenAPI contract and the error catalogue; `--check` fails when the file is out of date."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from functions.api.app import create_app
from functions.api.routing import ALWAYS, KEYED, MATCH
from shared.domain.error_catalogue import CATALOGUE
from shared.settings import Settings
from shared.wiring.local import LocalServices

TARGET = Path(__file__).parents[2] / "docs" / "api.md"
COMMON = {*ALWAYS, *KEYED, *MATCH}
INTRODUCTION = """# HTTP interface

Written by `make docs` from the routes and the error catalogue; do not edit. A running server answers the same
contract as OpenAPI 3.1 at `/openapi.json` and a page of it at `/docs`.

## Conventions

- Business routes live under `/api/v1` and take `Authorization: Bearer <token>`: RS256, 15 minutes, with `iss aud
  exp nbf iat sub jti tenant_id token_use=access`. Roles are read from the grants at every call. `/health/live`,
  `/health/ready` and `/openapi.json` need no token.
- Success: `{"success": true, "data": ..., "message": "ok", "meta": {"trace_id", "request_id"}}`. Failure:
  `{"success": false, "error": {"code", "message", "class", "retryable", "details"}, "meta": ...}`; the message is
  in the language of `Accept-Language` (zh, en). With `Accept: application/problem+json` the same in that form.
- Ids have a prefix and 26 characters; a wrong prefix is `REQ_VALIDATION_FAILED`, an unknown id and one of another
  tenant give the same 404. Decimals are strings, times UTC with milliseconds, absent and null mean the same.
  Unknown fields and query parameters are refused.
- K: the route needs an `Idempotency-Key` of 8-128 visible ASCII characters. The same call with the same key gets
  the same answer for 24 hours with `Idempotency-Replayed: true`. M: the route needs `If-Match` with the ETag of the
  resource.
- Lists take `limit` (1-100, default 20) and `cursor`, newest first: `{"items", "next_cursor", "has_more"}`. A
  cursor is bound to tenant, route and filters.
- A W3C `traceparent` is continued; answers carry `X-Trace-Id` and `X-Request-Id`. Request bodies have at most 1
  MiB: files go to the object store by signed links. 202 answers `{job_id, run_id, resource, status, links}` with
  `Location` of the job.
- Every route can also answer """
ABSENT = """
## Not built yet, and absent rather than pretended

Rate limits and quotas (A18), CSV lists (A16), conflict declarations of evaluators (S47: until then an evaluator
sees the bids of a project without declaring), panels and seats, approvals (so points without a citation and
overturned red lines are refused with `APPROVAL_REQUIRED`, and the two votes of E11 are missing: decisions/0002),
lots, estimates, checklists of required files, fact corrections, dead letter routes, exports, publishing, webhooks,
audit queries, API keys and sign-in. Closing a project does not yet start evaluations by itself: start them after
closing, and cohort formulas see the closed set. `currency` of a new project is required, because there is no one
right default.
"""


def contract() -> dict[str, Any]:
    """The OpenAPI document of an API that is not connected to anything."""
    nowhere = Settings(
        database_url="",
        relay_url="",
        dispatch_url="",
        sweep_url="",
        platform_url="",
        master_key="-" * 43,
        data_dir=Path("nowhere"),
    )
    found: dict[str, Any] = create_app(LocalServices(nowhere)).openapi()
    return found


def page(schema: Mapping[str, Any]) -> str:
    """The whole document."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            groups[operation["tags"][0]].append("".join(_route(schema, method.upper(), path, operation)))
    common = ", ".join(f"`{code}`" for code in [*ALWAYS, "INTERNAL_ERROR", "DEPENDENCY_UNAVAILABLE"])
    parts = [f"{INTRODUCTION}{common}.\n", ABSENT, "\n## Routes\n"]
    for group, routes in groups.items():
        parts.append(f"\n### {group.replace('_', ' ').capitalize()}\n\n" + "\n".join(routes) + "\n")
    return "".join(parts) + _errors()


def _route(schema: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    headers = {p["name"] for p in operation.get("parameters", []) if p["in"] == "header"}
    marks = [mark for mark, name in (("K", "Idempotency-Key"), ("M", "If-Match")) if name in headers]
    roles = " ".join(operation.get("x-roles", [])) or "anyone"
    status = next((code for code in operation["responses"] if code.startswith("2")), "200")
    yield f"**{method} `{path}`** {' '.join(marks)} ({roles}) > {status}\\\n"
    yield f"{operation['summary']}\n"
    query = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
    if query:
        yield f"- query: {', '.join(f'`{name}`' for name in query)}\n"
    body = _body(schema, operation)
    if body:
        yield f"- body: {body}\n"
    codes = [code for answer in operation["responses"].values() for code in answer["description"].split(", ")]
    specific = [f"`{code}`" for code in codes if code in CATALOGUE and code not in COMMON]
    if specific:
        yield f"- errors: {', '.join(specific)}\n"


def _body(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    names = [part.get("$ref", "") for part in [content, *content.get("anyOf", [])]]
    name = next((ref.rpartition("/")[2] for ref in names if ref), "")
    model = schema["components"]["schemas"].get(name, {})
    needed = set(model.get("required", []))
    fields = [field for field in model.get("properties", {}) if field != "tenant_id"]
    return ", ".join(f"`{field}`{'*' if field in needed else ''}" for field in fields)


def _errors() -> str:
    lines = ["\n## Errors\n", "| Code | HTTP | Class | Retry | English | 中文 |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{row.code}` | {row.http} | {row.kind} | {'yes' if row.retryable else 'no'} | {row.en} | {row.zh} |"
        for row in sorted(CATALOGUE.values(), key=lambda row: row.code)
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the file, or compare it."""
    text = page(contract())
    if "--check" not in sys.argv:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        raise SystemExit("docs/api.md is out of date: run `make docs`")


if __name__ == "__main__":
    main()
