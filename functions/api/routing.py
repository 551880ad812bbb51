"""Routes with their rule: `route` declares one, GuardedRoute checks it before FastAPI reads the input (spec A7)."""

import functools
import inspect
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from functions.api.answers import Answer, Envelope, Problem
from functions.api.idempotency import answer_once
from functions.api.identity import Rule, admit
from functions.api.policy import POLICY, ROLES
from shared.adapters.json_logs import log_fields
from shared.domain.error_catalogue import CATALOGUE
from shared.domain.errors import Refused

Endpoint = Callable[..., Any]
SCHEMAS = "#/components/schemas/{model}"
ALWAYS = ("AUTH_UNAUTHORIZED", "AUTH_FORBIDDEN", "TENANT_SCOPE_VIOLATION", "REQ_VALIDATION_FAILED")
KEYED = ("IDEMPOTENCY_MISSING", "IDEMPOTENCY_CONFLICT", "IDEMPOTENCY_IN_PROGRESS")
MATCH = ("REQ_PRECONDITION_REQUIRED", "REQ_PRECONDITION_FAILED")


class GuardedRoute(APIRoute):
    """A route without a rule cannot be made (S18)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Admit the caller, then let FastAPI validate and call the endpoint."""
        inner = super().get_route_handler()
        rule: Rule = self.endpoint.rule  # type: ignore[attr-defined]
        query = frozenset(field.alias for field in self.dependant.query_params)

        async def handle(request: Request) -> Response:
            body = await request.body()
            request.state.caller = await run_in_threadpool(admit, request, rule, query, self.path, body)
            with log_fields(tenant_id=request.state.caller.actor.tenant_id):
                return await inner(request)

        return handle


def problem_schemas() -> dict[str, Any]:
    """What the routes' errors look like, for the components of the contract."""
    shown = Problem.model_json_schema(mode="serialization", ref_template=SCHEMAS)
    parts: dict[str, Any] = shown.pop("$defs")
    return parts | {Problem.__name__: shown}


def new_router() -> APIRouter:
    """A router whose routes are guarded."""
    return APIRouter(route_class=GuardedRoute)


def route(
    router: APIRouter,
    method: str,
    path: str,
    action: str,
    *,
    shows: Any = None,
    status: int = 200,
    keyed: bool = False,
    match: bool = False,
    errors: Sequence[str] = (),
) -> Callable[[Endpoint], Endpoint]:
    """Declare an endpoint: the action of the policy, what it shows, and the errors that are specific to it.

    The endpoint takes `caller` and returns an Answer (or, when it is `async`, a Response)."""

    def declare(endpoint: Endpoint) -> Endpoint:
        wrapped = _streaming(endpoint) if inspect.iscoroutinefunction(endpoint) else _answering(endpoint, action)
        wrapped.rule = Rule(action=action, keyed=keyed, match=match)  # type: ignore[attr-defined]
        codes = [*ALWAYS, *(KEYED if keyed else ()), *(MATCH if match else ()), *errors]
        router.add_api_route(
            path,
            wrapped,
            methods=[method],
            status_code=status,
            response_model=Envelope[shows] if shows is not None else None,
            responses=_problems(codes),
            summary=(endpoint.__doc__ or "").split("\n")[0],
            openapi_extra=_extra(action, keyed, match),
            name=endpoint.__name__,
        )
        return endpoint

    return declare


def _answering(endpoint: Endpoint, action: str) -> Endpoint:
    """Runs in a thread: idempotency, ETag comparison, and an audit entry for what is denied in here."""

    @functools.wraps(endpoint)
    def answer(**given: Any) -> Response:
        caller = given["caller"]

        def act() -> Answer:
            made: Answer = endpoint(**given)
            return made

        try:
            response = answer_once(caller, act)
        except Refused as refusal:
            if refusal.entry.http == 403:
                about = next(iter(caller.path_ids.values()), caller.route)
                changes = {"code": refusal.code}
                caller.records.trail.audit(action, "route", about, result="denied", changes=changes)
            raise
        etag = response.headers.get("etag")
        if caller.method == "GET" and etag is not None and caller.if_none_match == etag:
            return Response(status_code=304, headers={"ETag": etag})
        return response

    return answer


def _streaming(endpoint: Endpoint) -> Endpoint:
    @functools.wraps(endpoint)
    async def answer(**given: Any) -> Response:
        made: Response = await endpoint(**given)
        return made

    return answer


def _problems(codes: Sequence[str]) -> dict[int | str, dict[str, Any]]:
    by_status: dict[int | str, list[str]] = defaultdict(list)
    for code in codes:
        by_status[CATALOGUE[code].http].append(code)
    # named, not given as a model: FastAPI would build a validator per route and status, 0.2 CPU s of a cold start (O91)
    content = {"application/json": {"schema": {"$ref": SCHEMAS.format(model=Problem.__name__)}}}
    return {status: {"content": content, "description": ", ".join(named)} for status, named in by_status.items()}


def _extra(action: str, keyed: bool, match: bool) -> dict[str, Any]:
    letters = [letter for letter, role in ROLES.items() if role in POLICY[action].roles]
    extra: dict[str, Any] = {"x-action": action, "x-roles": letters, "security": [{"bearer": []}]}
    headers = []
    if keyed:
        key = {"type": "string", "minLength": 8, "maxLength": 128, "pattern": "^[!-~]+$"}
        headers.append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": key})
    if match:
        headers.append({"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}})
    return extra | ({"parameters": headers} if headers else {})
