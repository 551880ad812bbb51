"""The ReleaseUnderTest port over Lambda: one version of the API function, called by its ARN as the gateway calls it."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from shared.adapters.aws_calls import ask
from shared.adapters.release_calls import headers_for, reply_of, send_by_link
from shared.domain.errors import Permanent
from shared.ports.release_under_test import Reply, SmokeRole

HOST = "release-under-test"  # no such address: the event goes to the function and not over a network


class LambdaRelease:
    """`function` is the ARN of a version or an alias; the client comes from aws_calls.aws_client("lambda").

    The gateway's authorizer is not passed, because it knows the alias only; the function verifies every token itself
    (spec S7), so a call without a real one is refused here too."""

    def __init__(self, client: Any, function: str, token: Callable[[SmokeRole], str]) -> None:
        self._client, self._function, self._token = client, function, token

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, role: SmokeRole = "agent"
    ) -> Reply:
        """One call as an event of payload format 2.0; a crash of the function is Permanent INTERNAL_ERROR."""
        headers = headers_for(method, "" if path.startswith("/health/") else self._token(role))
        event = gateway_event(method, path, headers, None if body is None else json.dumps(body))
        answer = ask(self._client.invoke, FunctionName=self._function, Payload=json.dumps(event).encode())
        content = answer["Payload"].read()
        if "FunctionError" in answer:
            raise Permanent("INTERNAL_ERROR", f"the function failed ({answer['FunctionError']})")
        found = json.loads(content)
        text = found.get("body") or ""
        return reply_of(int(found["statusCode"]), base64.b64decode(text) if found.get("isBase64Encoded") else text)

    def send(self, url: str, headers: Mapping[str, str], content: bytes) -> int:
        """PUT to a signed link of the object store."""
        return send_by_link(url, headers, content)


def gateway_event(method: str, path: str, headers: Mapping[str, str], body: str | None) -> dict[str, Any]:
    """What an HTTP API sends to a function (API Gateway, payload format version 2.0)."""
    raw_path, _, query = path.partition("?")
    place = {"method": method, "path": raw_path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "smoke"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": {"host": HOST, **headers},
        "requestContext": {"http": place, "stage": "$default", "domainName": HOST},
        "body": body,
        "isBase64Encoded": False,
    }
