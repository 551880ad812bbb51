"""What a request leaves behind in logs, metrics and spans, however it is answered (spec O1, O3, O6, O7)."""

import logging
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from starlette.types import Scope

from shared.adapters.json_logs import log_fields
from shared.domain.error_catalogue import CATALOGUE
from shared.domain.metrics import CODE_FACTS
from shared.ports.telemetry import Telemetry

UNKNOWN = "none"  # the route of a path that no route has: a label must not come from outside (O3)
VERSIONED = "/api/v1"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
QUIET = ("/health/live", "/health/ready", "/internal/metrics")  # asked for all the time: only counted
DENIED = (401, 403)
log = logging.getLogger("bidproof.api")


class Answered:
    """One request. `begin_answer` is told the status; without it the request ended with a bug, which is 500."""

    def __init__(self, telemetry: Telemetry, scope: Scope, *, parent_id: str) -> None:
        self._telemetry, self._scope, self._parent_id = telemetry, scope, parent_id
        self._stack, self._began, self._seconds, self._status = ExitStack(), 0.0, 0.0, 0

    def begin_answer(self, status: int) -> None:
        """The first byte of the answer: a stream goes on for minutes after it."""
        self._status, self._seconds = status, time.perf_counter() - self._began

    def __enter__(self) -> Self:
        """Begin the span; every log line of the request has its ids."""
        state = self._scope["state"]
        ids = {"trace_id": state["trace_id"], "request_id": state["request_id"]}
        if self._parent_id:
            ids["parent_id"] = self._parent_id
        self._began = time.perf_counter()
        self._stack.enter_context(self._telemetry.span("request", **ids))
        self._stack.enter_context(log_fields(trace_id=state["trace_id"], request_id=state["request_id"]))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Count, log and end the span."""
        if self._status == 0:
            self.begin_answer(500)
            self._scope["state"]["error_code"] = "INTERNAL_ERROR"
        route = self._route()
        method = self._scope["method"] if self._scope["method"] in METHODS else UNKNOWN
        code = self._scope["state"].get("error_code", "")
        self._count(method, route, code)
        is_bug = error if isinstance(error, Exception) else None
        level = logging.ERROR if self._status >= 500 else logging.DEBUG if route in QUIET else logging.INFO
        log.log(level, "BP_API_ANSWERED", extra=self._about(method, route, code), exc_info=is_bug)
        self._stack.__exit__(kind, error, at)

    def _about(self, method: str, route: str, code: str) -> dict[str, Any]:
        caller = self._scope["state"].get("caller")
        about = {"method": method, "route": route, "status": self._status}
        about["latency_ms"] = round(self._seconds * 1000, 1)
        if caller is not None:
            about["tenant_id"] = caller.actor.tenant_id
        if code:
            about |= {"error_code": code, "error_class": CATALOGUE[code].kind}
        return about

    def _count(self, method: str, route: str, code: str) -> None:
        if route in QUIET:  # O6 leaves health out
            return
        status = f"{self._status // 100}xx"
        self._telemetry.count("api_requests", method=method, route=route, status=status)
        self._telemetry.observe("api_latency_seconds", self._seconds, method=method, route=route)
        if self._status == 429:
            self._telemetry.count("api_throttled")
        if code:
            self._telemetry.count("api_errors", error_class=CATALOGUE[code].kind, code=code)
            if self._status in DENIED:
                self._telemetry.count("denied_accesses", code=code)
            if code in CODE_FACTS:
                self._telemetry.count(CODE_FACTS[code])

    def _route(self) -> str:
        """The template of the route below /api/v1, never the path itself, which holds ids."""
        found = self._scope.get("route")
        return str(getattr(found, "path", UNKNOWN)).removeprefix(VERSIONED)
