"""Routes with their rule: `route` declares one, GuardedRoute checks it before FastAPI reads the input (spec A7).

FastAPI compiles validators for every parameter and answer of a route that it is given. For all routes that was 0.4 s of
a cold start (O91), so LateRoute gives it one when that is called, and all of them only when the contract is asked for.
"""

import functools
import inspect
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from functions.api.answers import Answer, Envelope, Listing, Problem
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A route as the module of its resource declares it; `path` begins below the version.

    `contract` gives what only the contract says: FastAPI's arguments for answers, errors and words."""

    path: str
    methods: frozenset[str]
    endpoint: Endpoint
    contract: Callable[[], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Resource:
    """The routes of one resource, in the order in which they are declared."""

    routes: list[Declared] = field(default_factory=list)


class LateRoute(Route):
    """A declared route in its place; FastAPI reads its endpoint with the first call."""

    def __init__(self, declared: Declared, prefix: str, tag: str) -> None:
        super().__init__(prefix + declared.path, declared.endpoint)
        self.methods = set(declared.methods)  # Starlette would answer HEAD, too
        self._declared, self._tag = declared, tag

    @cached_property
    def called(self) -> GuardedRoute:
        """What answers. Endpoints write their answers themselves (answers.py), so FastAPI gets no model of them."""
        return GuardedRoute(self._declared.path, self.endpoint, methods=self.methods, response_model=None)

    def described(self) -> GuardedRoute:
        """What the contract says."""
        return GuardedRoute(
            self.path, self.endpoint, methods=self.methods, tags=[self._tag], **self._declared.contract()
        )

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As ever; `route` is for the log and for Resources."""
        match, found = super().matches(scope)
        return match, {**found, "route": self} if found else found

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        await self.called.handle(scope, receive, send)


def new_router() -> Resource:
    """For the routes of one resource."""
    return Resource()


def route(
    router: Resource,
    method: str,
    path: str,
    action: str,
    *,
    shows: Any = None,
    lists: Any = None,
    status: int = 200,
    keyed: bool = False,
    match: bool = False,
    errors: Sequence[str] = (),
) -> Callable[[Endpoint], Endpoint]:
    """Declare an endpoint: the action of the policy, what it shows or lists, and the errors that are specific to it.

    The endpoint takes `caller` and returns an Answer (or, when it is `async`, a Response)."""

    def declare(endpoint: Endpoint) -> Endpoint:
        wrapped = _streaming(endpoint) if inspect.iscoroutinefunction(endpoint) else _answering(endpoint, action)
        wrapped.rule = Rule(action=action, keyed=keyed, match=match)  # type: ignore[attr-defined]
        codes = [*ALWAYS, *(KEYED if keyed else ()), *(MATCH if match else ()), *errors]

        def contract() -> dict[str, Any]:
            return {
                "status_code": status,
                "response_model": Envelope[Listing[lists]] if lists is not None else shows and Envelope[shows],
                "responses": _problems(codes),
                "summary": (endpoint.__doc__ or "").split("\n")[0],
                "openapi_extra": _extra(action, keyed, match),
                "name": endpoint.__name__,
            }

        router.routes.append(Declared(path=path, methods=frozenset({method}), endpoint=wrapped, contract=contract))
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
