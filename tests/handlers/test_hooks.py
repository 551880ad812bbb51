"""A custom resource answers CloudFormation on the wire: success, a coded failure, a bug; deletion does nothing.

A hook of a deployment answers CodeDeploy each time, also when the function cannot even be wired."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from functions.hooks import lifecycle, resource
from infra.local.postgres import Databases
from shared.domain.errors import Permanent, Refused
from shared.wiring import forget_services
from tests.product import settings_for


class TimeLeft:
    """The part of Lambda's context that a hook reads."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    after: str


@pytest.fixture
def cloudformation() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address that takes answers, and what it got."""
    got: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/answer", got
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def wired(databases: Databases, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from shared.settings import environment

    for name, value in environment(settings_for(databases, tmp_path)).items():
        monkeypatch.setenv(name, value)
    forget_services()
    yield
    forget_services()


def event(url: str, kind: str = "Create") -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Schema",
    }


def test_a_create_calls_the_use_case_and_answers_with_its_result(cloudformation: Any) -> None:
    url, got = cloudformation
    resource(Command, lambda command: Result(after="0017"))(event(url), TimeLeft())
    same = {"StackId": "stack", "RequestId": "request", "LogicalResourceId": "Schema", "PhysicalResourceId": "Schema"}
    assert got == [same | {"Status": "SUCCESS", "Data": {"after": "0017"}}]


def test_a_coded_failure_is_answered_with_its_code(cloudformation: Any) -> None:
    def fail(command: Command) -> Result:
        raise Permanent("DATA_CORRUPTED", "secret words")

    url, got = cloudformation
    resource(Command, fail)(event(url, "Update"), TimeLeft())
    assert (got[0]["Status"], got[0]["Reason"]) == ("FAILED", "DATA_CORRUPTED")


def test_a_bug_is_answered_too_and_without_its_words(cloudformation: Any) -> None:
    def fail(command: Command) -> Result:
        raise ZeroDivisionError("secret words")

    url, got = cloudformation
    resource(Command, fail)(event(url), TimeLeft())
    assert (got[0]["Status"], got[0]["Reason"]) == ("FAILED", "INTERNAL_ERROR (ZeroDivisionError)")


def test_a_deletion_does_nothing_and_succeeds(cloudformation: Any) -> None:
    def fail(command: Command) -> Result:
        raise AssertionError("called")

    url, got = cloudformation
    resource(Command, fail)(event(url, "Delete"), TimeLeft())
    assert got[0]["Status"] == "SUCCESS"


def test_the_properties_that_the_command_has_fields_for_reach_it(cloudformation: Any) -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        tenant_code: str
        people: dict[str, str]

    def taken(command: Named) -> Result:
        return Result(after=f"{command.tenant_code} {command.people['admin']}")

    url, got = cloudformation
    properties = {"ServiceToken": "arn", "TenantCode": "smoke", "People": {"admin": "client-1"}}
    resource(Named, taken)(event(url) | {"ResourceProperties": properties}, TimeLeft())
    assert (got[0]["Status"], got[0]["Data"]) == ("SUCCESS", {"after": "smoke client-1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    label: str


def hooked(usecase: Any) -> list[tuple[str, str, bool]]:
    """What CodeDeploy is told of a hook that runs the use case."""
    told: list[tuple[str, str, bool]] = []

    def answer(deployment_id: str, execution_id: str, *, succeeded: bool) -> None:
        told.append((deployment_id, execution_id, succeeded))

    lifecycle(Labelled, usecase, answer=answer)(
        {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}, TimeLeft()
    )
    return told


def test_a_hook_is_answered_once_whether_the_release_passes_is_refused_or_the_hook_has_a_bug() -> None:
    def passes(command: Labelled) -> Result:
        return Result(after=command.label)

    def refused(command: Labelled) -> Result:
        raise Refused("RELEASE_BLOCKED", details={"failed_checks": ["report"]})

    def broken(command: Labelled) -> Result:
        raise ZeroDivisionError

    assert [hooked(usecase) for usecase in (passes, refused, broken)] == [
        [("d-1", "e-1", True)],
        [("d-1", "e-1", False)],
        [("d-1", "e-1", False)],
    ]


def test_a_hook_whose_settings_are_missing_answers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APP_DATABASE_URL")
    forget_services()
    assert hooked(lambda command: Result(after="")) == [("d-1", "e-1", False)]
