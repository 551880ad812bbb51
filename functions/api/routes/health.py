"""Whether the process runs and whether it can work (spec A153); no token, no secrets."""

import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from functions.api.answers import json_response
from functions.api.problems import request_meta
from shared.domain.context import Actor
from shared.domain.errors import CodedError
from shared.wiring import Services

router = APIRouter(prefix="/health", tags=["health"])
NOBODY = Actor(tenant_id="ten_00000000000000000000000000", actor_id="health", kind="system")


@router.get("/live", summary="200 while the process runs")
def get_live(request: Request) -> Response:
    """200 while the process runs."""
    return _answer(request, 200, {"status": "live"})


@router.get("/ready", summary="200 or 503 with what was checked")
def get_ready(request: Request) -> Response:
    """200, or 503 when the database or the key set of the issuer does not answer."""
    services: Services = request.app.state.services
    verifier = request.app.state.verifier
    checks = [
        _check("database", lambda: services.bind(NOBODY).records.users.tenant_settings()),
        _check("issuer", verifier.check),
    ]
    ready = all(check["ok"] for check in checks)
    return _answer(request, 200 if ready else 503, {"status": "ready" if ready else "not ready", "checks": checks})


def _check(name: str, act: Callable[[], Any]) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        act()
        ok = True
    except CodedError:
        ok = False
    return {"name": name, "ok": ok, "ms": round((time.perf_counter() - began) * 1000, 1)}


def _answer(request: Request, status: int, data: dict[str, Any]) -> Response:
    body = {"success": status == 200, "data": data, "message": data["status"], "meta": request_meta(request)}
    return json_response(body, status=status, headers={})
