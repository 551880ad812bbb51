"""ReleaseUnderTest over HTTP and over Lambda's events: one API, the same answers, tokens checked in both."""

import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from mangum import Mangum

from functions.api.app import create_app
from infra.local.postgres import Databases
from shared.adapters.codedeploy import answer_hook
from shared.adapters.machine_tokens import MachineTokens
from shared.adapters.release_http import HttpRelease
from shared.adapters.release_lambda import LambdaRelease
from shared.adapters.smoke_files import read_smoke_bid
from shared.domain.errors import Permanent, Retryable
from shared.ports.release_under_test import ReleaseUnderTest
from tests.handlers.api_server import Api, Server, new_api, serve
from tests.infra.rolled_stage import answered_by
from tests.moto_server import lost_client, new_client

VERSION = "arn:aws:lambda:eu-central-1:123456789012:function:bidproof-dev-api:7"


@pytest.fixture(scope="module")
def server(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(databases, tmp_path_factory.mktemp("release")) as running:
        yield running


@pytest.fixture(scope="module")
def api(server: Server) -> Api:
    return new_api(server)


class Invoked:
    """The part of Lambda's client that is called; the function is the real handler of the API."""

    def __init__(self, server: Server) -> None:
        self._handler = Mangum(create_app(server.services), lifespan="off")

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName == VERSION
        answer = self._handler(json.loads(Payload), None)
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture(params=["http", "lambda"])
def release(request: pytest.FixtureRequest, server: Server, api: Api) -> ReleaseUnderTest:
    def token(role: str) -> str:
        return server.issuer.issue(api.tenant.subjects[role], api.tenant.tenant_id, now=server.services.clock.now())

    if request.param == "http":
        return HttpRelease(server.url + "/", token)
    return LambdaRelease(Invoked(server), VERSION, token)


def test_health_is_asked_without_a_token(release: ReleaseUnderTest) -> None:
    reply = release.request("GET", "/health/ready")
    assert (reply.status, reply.body["data"]["status"]) == (200, "ready")


def test_each_role_is_who_it_says(release: ReleaseUnderTest) -> None:
    roles = {role: release.request("GET", "/api/v1/me", role=role).body["data"]["roles"] for role in ("agent", "admin")}
    assert roles == {"agent": ["agent"], "admin": ["admin"]}


def test_bodies_queries_and_keys_arrive(release: ReleaseUnderTest) -> None:
    body = {"code": f"S-{type(release).__name__}", "name": "Supplier 供应商"}
    made = release.request("POST", "/api/v1/suppliers", body)
    assert made.status == 201, made
    again = release.request("POST", "/api/v1/suppliers", body)
    assert (again.status, again.body["error"]["code"]) == (409, "CODE_TAKEN"), "each call has a key of its own"
    found = release.request("GET", f"/api/v1/suppliers?code={body['code']}").body["data"]["items"]
    assert [row["name"] for row in found] == ["Supplier 供应商"]


def test_a_refusal_is_a_reply(release: ReleaseUnderTest) -> None:
    reply = release.request("POST", "/api/v1/evaluations", {"unknown": 1})
    assert (reply.status, reply.body["error"]["code"]) == (400, "REQ_VALIDATION_FAILED")


def test_bytes_go_to_a_link_as_they_are(release: ReleaseUnderTest, listener: "Listener") -> None:
    assert release.send(f"{listener.url}/objects/1", {"x-amz-checksum": "abc"}, b"\x00bytes") == 200
    assert listener.got == [("PUT", "/objects/1", "abc", b"\x00bytes")]
    listener.status = 403
    assert release.send(f"{listener.url}/objects/1", {}, b"") == 403


@pytest.mark.parametrize("kind", ["http", "lambda"])
def test_a_token_that_is_none_of_the_issuer_is_refused_by_the_function_itself(kind: str, server: Server) -> None:
    def token(role: str) -> str:
        return "e30.e30.e30"

    made = HttpRelease(server.url, token) if kind == "http" else LambdaRelease(Invoked(server), VERSION, token)
    assert made.request("GET", "/api/v1/me").status == 401


def test_without_an_answer_it_may_be_tried_again() -> None:
    with pytest.raises(Retryable):
        HttpRelease("http://127.0.0.1:1", lambda role: "t").request("GET", "/api/v1/me")
    with pytest.raises(Retryable):
        LambdaRelease(lost_client("lambda"), VERSION, lambda role: "t").request("GET", "/api/v1/me")
    with pytest.raises(Retryable):
        HttpRelease("http://127.0.0.1:1", lambda role: "t").send("http://127.0.0.1:1/x", {}, b"")


def test_a_function_that_crashes_and_a_page_that_is_no_api_are_permanent_failures(listener: "Listener") -> None:
    class Crashed:
        def invoke(self, **asked: Any) -> dict[str, Any]:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "secret"}')}

    with pytest.raises(Permanent, match="Unhandled") as failed:
        LambdaRelease(Crashed(), VERSION, lambda role: "t").request("GET", "/api/v1/me")
    assert "secret" not in str(failed.value)
    listener.body = b"<html>502</html>"
    with pytest.raises(Permanent, match="without JSON"):
        HttpRelease(listener.url, lambda role: "t").request("GET", "/api/v1/me")


class Listener:
    """A server that keeps what it gets and answers the same each time."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, str | None, bytes]] = []
        self.status, self.body = 200, b"{}"
        mine = self

        class Receiver(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                told = self.headers.get("x-amz-checksum") or self.headers.get("authorization")
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                mine.got.append((self.command, self.path, told, content))
                self.send_response(mine.status)
                self.send_header("Content-Length", str(len(mine.body)))
                self.end_headers()
                self.wfile.write(mine.body)

            do_GET = do_POST = do_PUT

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Receiver)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.server.shutdown()
    made.server.server_close()


def machine_tokens(listener: Listener) -> MachineTokens:
    """Two clients of a pool whose secrets are read from it."""
    pool = new_client("cognito-idp", "http://127.0.0.1:1")

    def described(asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["UserPoolId"] == "eu-central-1_pool"
        return {"UserPoolClient": {"ClientSecret": f"secret of {asked['ClientId']}"}}

    answered_by(pool, "DescribeUserPoolClient", described)
    clients = {"agent": "client-1", "evaluator": "client-2", "admin": "client-3"}
    return MachineTokens(pool, user_pool="eu-central-1_pool", token_url=f"{listener.url}/oauth2/token", clients=clients)


def test_a_machine_gets_its_token_by_its_own_secret_and_keeps_it(listener: Listener) -> None:
    listener.body = json.dumps({"access_token": "a.b.c", "expires_in": 900}).encode()
    tokens = machine_tokens(listener)
    assert [tokens("agent"), tokens("agent"), tokens("admin")] == ["a.b.c"] * 3
    agent = "Basic Y2xpZW50LTE6c2VjcmV0IG9mIGNsaWVudC0x"
    assert listener.got[0] == ("POST", "/oauth2/token", agent, b"grant_type=client_credentials")
    assert len(listener.got) == 2, "one for each client"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"{}", Permanent),
        (401, b"{}", Permanent),
        (429, b"{}", Retryable),
        (503, b"{}", Retryable),
        (200, b"{}", Permanent),
        (200, b"<html>", Permanent),
    ],
)
def test_a_token_endpoint_that_gives_none_is_a_coded_failure_without_the_secret(
    listener: Listener, status: int, body: bytes, kind: type[Exception]
) -> None:
    listener.status, listener.body = status, body
    with pytest.raises(kind) as failed:
        machine_tokens(listener)("agent")
    assert "secret" not in str(failed.value) and failed.value.__cause__ is None


@pytest.mark.parametrize(("succeeded", "status"), [(True, "Succeeded"), (False, "Failed")])
def test_codedeploy_is_answered_by_the_execution_of_the_hook(succeeded: bool, status: str) -> None:
    asked_of: list[dict[str, Any]] = []
    wire = new_client("codedeploy", "http://127.0.0.1:1")
    answered_by(wire, "PutLifecycleEventHookExecutionStatus", lambda asked: asked_of.append(asked) or {})
    answer_hook("d-1", "e-1", succeeded=succeeded, client=wire)
    assert asked_of == [{"deploymentId": "d-1", "lifecycleEventHookExecutionId": "e-1", "status": status}]


def test_the_smoke_bid_is_the_one_that_its_source_renders(tmp_path: Path) -> None:
    from infra.local.demo_pdf import render_pdf
    from infra.local.demo_source import read_source
    from shared.adapters.smoke_files import FOLDER

    render_pdf(read_source(FOLDER / "bid.md"), tmp_path / "bid.pdf")
    assert read_smoke_bid().bid.content == (tmp_path / "bid.pdf").read_bytes()
