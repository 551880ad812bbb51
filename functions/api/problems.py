"""How errors leave the product: code, HTTP status, safe text in the caller's language, nothing else (spec A6)."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from functions.api.answers import to_json
from shared.domain.error_catalogue import CATALOGUE
from shared.domain.errors import CodedError

TRANSPORT = {404: "REQ_NOT_FOUND", 405: "REQ_METHOD_NOT_ALLOWED", 415: "REQ_UNSUPPORTED_MEDIA_TYPE"}
RETRY_AFTER = "1"


def problem(request: Request, code: str, details: Mapping[str, Any] | None = None) -> Response:
    """The answer for one code. A missing thing and a foreign one look the same: a 404 has no details (A9)."""
    row = CATALOGUE[code]
    chinese = request.headers.get("accept-language", "").strip().lower().startswith("zh")
    message = row.zh if chinese else row.en
    meta = request_meta(request)
    request.scope.setdefault("state", {})["error_code"] = code
    error = {
        "code": code,
        "message": message,
        "class": row.kind,
        "retryable": row.retryable,
        "details": {} if row.http == 404 else dict(details or {}),
    }
    headers = {
        "X-Trace-Id": meta["trace_id"],
        "X-Request-Id": meta["request_id"],
        "Content-Language": "zh" if chinese else "en",
    }
    if row.retryable:
        headers["Retry-After"] = str((details or {}).get("retry_after", RETRY_AFTER))
    if row.http == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if row.http == 412 and details and "row_version" in details:
        headers["ETag"] = f'"{details["row_version"]}"'
    if "application/problem+json" in request.headers.get("accept", ""):
        body = {"type": "about:blank", "title": message, "status": row.http, **error, **meta}
        return Response(to_json(body), row.http, headers, "application/problem+json")
    return Response(to_json({"success": False, "error": error, "meta": meta}), row.http, headers, "application/json")


def request_meta(request: Request) -> dict[str, str]:
    """Trace and request id, as the transport gave them."""
    state = request.scope.get("state", {})
    return {"trace_id": state.get("trace_id", "0" * 32), "request_id": state.get("request_id", "")}


def on_coded(request: Request, error: Exception) -> Response:
    """An error of the catalogue."""
    assert isinstance(error, CodedError)
    return problem(request, error.code, error.details)


def on_invalid(request: Request, error: Exception) -> Response:
    """Input that does not fit the schema: which fields and which rule, never the value."""
    assert isinstance(error, RequestValidationError)
    fields = [
        {"field": ".".join(map(str, found["loc"])), "rule": found["type"], "message": found["msg"]}
        for found in error.errors()
    ]
    return problem(request, "REQ_VALIDATION_FAILED", {"fields": fields})


def on_http(request: Request, error: Exception) -> Response:
    """What the router refuses by itself."""
    assert isinstance(error, HTTPException)
    answer = problem(request, TRANSPORT.get(error.status_code, "REQ_VALIDATION_FAILED"))
    if error.headers and "allow" in {name.lower() for name in error.headers}:
        answer.headers.update(error.headers)
    return answer


def on_bug(request: Request, error: Exception) -> Response:
    """Anything else: the server logs it, the caller learns nothing but the ids."""
    return problem(request, "INTERNAL_ERROR")


def install(app: FastAPI) -> None:
    """Register the four handlers."""
    app.add_exception_handler(CodedError, on_coded)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_bug)
