"""What holds for every request before anything else: ids, trace and size (spec A19, A20)."""

import re
from secrets import token_hex

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api.answered import Answered
from functions.api.problems import problem
from shared.domain.errors import Refused
from shared.ports.platform import Ids
from shared.ports.telemetry import Telemetry

BODY_LIMIT = 1 << 20
TRACEPARENT = re.compile(r"^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$")


class Transport:
    """ASGI middleware; file bytes under `unlimited` have limits of their own."""

    def __init__(self, app: ASGIApp, *, ids: Ids, telemetry: Telemetry, unlimited: str) -> None:
        self._app, self._ids, self._telemetry, self._unlimited = app, ids, telemetry, unlimited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Continue or start the trace, name the request and refuse a body that is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = TRACEPARENT.match(headers.get("traceparent", ""))
        trace_id, request_id = given.group(1) if given else token_hex(16), self._ids.new("req")
        scope.setdefault("state", {}).update(trace_id=trace_id, request_id=request_id)
        with Answered(self._telemetry, scope, parent_id=given.group(2) if given else "") as answered:

            async def send_named(message: Message) -> None:
                if message["type"] == "http.response.start":
                    answered.begin_answer(message["status"])
                    named = MutableHeaders(scope=message)
                    named["X-Trace-Id"], named["X-Request-Id"] = trace_id, request_id
                    named.setdefault("Cache-Control", "no-store")
                    named["X-Content-Type-Options"] = "nosniff"
                await send(message)

            await self._answer(scope, receive, send_named, headers)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        if scope["path"].startswith(self._unlimited):
            await self._app(scope, receive, send)
            return
        declared = headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > BODY_LIMIT:
            await problem(Request(scope), "REQ_BODY_TOO_LARGE")(scope, receive, send)
            return
        await self._app(scope, _counted(receive), send)


def _counted(receive: Receive) -> Receive:
    """Bodies without a declared length are counted as they come."""
    seen = 0

    async def receive_counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_LIMIT:
            raise Refused("REQ_BODY_TOO_LARGE", details={"limit": BODY_LIMIT})
        return message

    return receive_counted
