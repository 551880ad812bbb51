"""From a request to a caller, or the first refusal in the order of A7 (spec S1, S7, S11, D110, A10)."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request

from functions.api.caller import Caller
from functions.api.policy import may_somewhere, roles_in
from functions.api.problems import request_meta
from shared.adapters.jwt_tokens import TokenVerifier
from shared.domain.context import Actor
from shared.domain.errors import Refused
from shared.domain.project_rows import Identity, User
from shared.wiring import Services

TENANT_STATES = {"suspended": "TENANT_SUSPENDED", "expired": "TENANT_EXPIRED", "deleted": "TENANT_DELETED"}
BODY_METHODS = ("POST", "PUT", "PATCH")
DEPTH_LIMIT = 64
_BROKEN = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a route asks for before its input is looked at; `match` wants If-Match, `keyed` an Idempotency-Key."""

    action: str
    keyed: bool = False
    match: bool = False


def admit(request: Request, rule: Rule, query: frozenset[str], route: str, body: bytes) -> Caller:
    """Check authentication, tenant status, tenant scope, role, key, precondition and form, in this order.

    `query` names the parameters the route knows."""
    services: Services = request.app.state.services
    verifier: TokenVerifier = request.app.state.verifier
    identity, user, caller_actor, jti = _authenticate(request, services, verifier)
    parts = services.bind(caller_actor)
    try:
        parsed = _parse(request, body)
        _check_tenant(request, parsed, caller_actor.tenant_id)
        if not may_somewhere(identity.grants, rule.action):
            raise Refused("AUTH_FORBIDDEN", details={"action": rule.action})
    except Refused as refusal:
        if refusal.entry.http == 403:
            parts.records.trail.audit(rule.action, "route", route, result="denied", changes={"code": refusal.code})
        raise
    key, if_match = _key(request, rule), _if_match(request, rule)
    if parsed is _BROKEN:
        raise Refused("REQ_VALIDATION_FAILED", details={"fields": [{"field": "body", "rule": "json_invalid"}]})
    _check_form(request, query)
    return Caller(
        identity=identity,
        user=user,
        parts=parts,
        method=request.method,
        route=route,
        path_ids=request.path_params,
        query=request.query_params,
        body=parsed,
        key=key,
        if_match=if_match,
        if_none_match=request.headers.get("if-none-match"),
        jti=jti,
    )


def _authenticate(request: Request, services: Services, verifier: TokenVerifier) -> tuple[Identity, User, Actor, str]:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused("AUTH_UNAUTHORIZED")
    claims = verifier.verify(token.strip())
    meta = request_meta(request)
    actor = Actor(tenant_id=claims.tenant_id, actor_id="", trace_id=meta["trace_id"], request_id=meta["request_id"])
    identity = services.bind(actor).records.users.identity(claims.issuer, claims.subject)
    if identity is None or identity.user is None or not identity.user.is_active:
        raise Refused("AUTH_UNAUTHORIZED")
    if identity.tenant.status in TENANT_STATES:
        raise Refused(TENANT_STATES[identity.tenant.status])
    known = replace(actor, actor_id=identity.user.user_id, roles=roles_in(identity.grants, None))
    return identity, identity.user, known, claims.jti


def _parse(request: Request, body: bytes) -> Any:
    """The JSON body, None without one; refuses other media types and what JSON or the database cannot hold."""
    if not body:
        return None
    if request.method in BODY_METHODS:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in ("application/json", "application/merge-patch+json"):
            raise Refused("REQ_UNSUPPORTED_MEDIA_TYPE")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return _BROKEN
    return parsed if _storable(parsed, DEPTH_LIMIT) else _BROKEN


def _storable(value: Any, depth: int) -> bool:
    """PostgreSQL takes no NUL and no lone surrogate in text; JSON numbers are finite; depth is bounded."""
    if depth == 0:
        return False
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_storable(key, depth) and _storable(item, depth - 1) for key, item in value.items())
    if isinstance(value, list):
        return all(_storable(item, depth - 1) for item in value)
    return True


def _check_tenant(request: Request, body: Any, tenant_id: str) -> None:
    """Another tenant in header, query or body is refused; there is no default one (A10)."""
    named = [request.headers.get("x-tenant-id"), *request.query_params.getlist("tenant_id")]
    if isinstance(body, Mapping) and "tenant_id" in body:
        named.append(body["tenant_id"])
    if any(other is not None and other != tenant_id for other in named):
        raise Refused("TENANT_SCOPE_VIOLATION")


def _key(request: Request, rule: Rule) -> str | None:
    """The Idempotency-Key: required where the route says so, honoured on PATCH, PUT and DELETE (A11, A14)."""
    key = request.headers.get("idempotency-key")
    if key is None and not rule.keyed:
        return None
    if not rule.keyed and request.method not in ("PATCH", "PUT", "DELETE"):
        return None
    if key is None or not re.fullmatch(r"[!-~]{8,128}", key):
        raise Refused("IDEMPOTENCY_MISSING")
    return key


def _if_match(request: Request, rule: Rule) -> int | None:
    if not rule.match:
        return None
    given = request.headers.get("if-match")
    if given is None:
        raise Refused("REQ_PRECONDITION_REQUIRED")
    version = re.fullmatch(r'(?:W/)?"(\d{1,18})"', given.strip())
    if version is None:
        raise Refused("REQ_VALIDATION_FAILED", details={"fields": [{"field": "header.if-match", "rule": "etag"}]})
    return int(version.group(1))


def _check_form(request: Request, known: frozenset[str]) -> None:
    """Unknown query parameters are refused like unknown fields (A4)."""
    unknown = sorted(request.query_params.keys() - known - {"tenant_id"})
    broken = sorted(name for name, value in request.query_params.items() if not _storable(value, 1))
    if unknown or broken:
        fields = [{"field": f"query.{name[:100]}", "rule": "extra_forbidden"} for name in unknown]
        fields += [{"field": f"query.{name[:100]}", "rule": "text"} for name in broken]
        raise Refused("REQ_VALIDATION_FAILED", details={"fields": fields})
