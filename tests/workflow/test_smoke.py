"""The steps of `make smoke` against the whole product over real HTTP: they pass, and say which of them does not."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from time import sleep
from typing import Any

import pytest
from mangum import Mangum

from functions.api.app import create_app
from infra import smoke as command
from infra.aws.stages import read_stage
from infra.smoke import smoke, target
from shared.adapters.release_lambda import LambdaRelease
from shared.adapters.smoke_files import read_smoke_bid
from shared.domain.errors import Refused
from shared.settings import SmokeOptions
from shared.usecases.verify_release import VerifyRelease, verify_release
from shared.wiring.local import LocalServices
from tests.infra.rolled_stage import answered_by
from tests.moto_server import new_client
from tests.workflow.live_product import Live, live_product


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_product(tmp_path_factory.mktemp("smoke") / "data") as running:
        yield running


def test_a_bid_is_evaluated_reviewed_and_cited_and_every_step_is_told_with_its_time(live: Live) -> None:
    told: list[str] = []
    url = live.prepared.settings.public_url
    done = smoke(url, live.prepared.token, minutes=3, pause=lambda seconds: sleep(0.1), show=told.append)
    steps = [line.split()[0] for line in told]
    assert steps == [
        "ready",
        "rules",
        "project",
        "supplier",
        "documents",
        "evaluation",
        "review",
        "report",
        "citations",
    ]
    assert all(line.endswith(" s") for line in told)
    assert done.citations >= 2
    assert live.client.call("GET", f"/evaluations/{done.evaluation_id}")["status"] == "report_generated"
    project = live.client.call("GET", f"/projects/{done.project_id}")
    assert (project["status"], project["code"].startswith("smoke-")) == ("archived", True)


def test_the_step_that_fails_is_named_and_nothing_after_it_is_tried(live: Live) -> None:
    told: list[str] = []
    url = live.prepared.settings.public_url
    with pytest.raises(Refused, match=r"^ready: the agent may not start evaluations"):
        smoke(url, lambda role: live.prepared.token("viewer"), minutes=3, show=told.append)
    with pytest.raises(Refused, match=r"^ready: GET /api/v1/me: 401 AUTH_UNAUTHORIZED"):
        smoke(url, live.old_token, minutes=3, show=told.append)
    assert told == []


def test_the_command_takes_address_and_tokens_from_the_environment_and_uses_the_rules_of_the_first_run(
    live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMOKE_URL", live.prepared.settings.public_url)
    for role in ("agent", "evaluator", "admin"):
        monkeypatch.setenv(f"SMOKE_{role.upper()}_TOKEN", live.prepared.token(role))
    assert command.main(["--stage", "dev", "--minutes", "3"]) == 0
    printed = capsys.readouterr().out
    assert "ready" in printed and "citations resolve" in printed
    for path in ("/rule-packs", "/suppliers"):
        assert sum(row["code"].startswith("SMOKE") for row in live.client.items(path)) == 1, path
    monkeypatch.setenv("SMOKE_AGENT_TOKEN", live.prepared.token("viewer"))
    assert command.main(["--stage", "dev"]) == 1
    assert capsys.readouterr().err.startswith("failed: ready:")


def test_without_an_environment_the_outputs_of_the_stage_say_where_and_as_whom() -> None:
    machines = {"user_pool": "pool", "token_url": "https://tokens", "clients": {"agent": "client-1"}}
    outputs = {"ApiUrl": "https://api", "SmokeMachines": json.dumps(machines)}
    rows = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    stacks = new_client("cloudformation", "http://127.0.0.1:1")
    answered_by(stacks, "DescribeStacks", lambda asked: {"Stacks": [{"Outputs": rows}]})
    found = target(SmokeOptions(), read_stage("dev"), lambda service: stacks)
    assert (found.url, type(found.token).__name__) == ("https://api", "MachineTokens")
    given = SmokeOptions(agent_token="a", evaluator_token="e", admin_token="b")
    found = target(given, read_stage("dev"), lambda service: stacks)
    assert [found.url, found.token("agent"), found.token("admin")] == ["https://api", "a", "b"]


def test_a_version_that_has_no_traffic_evaluates_the_bid_through_the_events_of_a_gateway(live: Live) -> None:
    services = LocalServices(replace(live.prepared.settings, pool_size=2))
    handler = Mangum(create_app(services), lifespan="off")

    class Invoked:
        def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
            return {"Payload": io.BytesIO(json.dumps(handler(json.loads(Payload), None)).encode())}

    told: list[str] = []
    done = verify_release(
        VerifyRelease(label="d-TEST"),
        release=LambdaRelease(
            Invoked(), "arn:aws:lambda:eu-central-1:123456789012:function:api:7", live.prepared.token
        ),
        smoke_bid=read_smoke_bid(),
        clock=services.clock,
        ids=services.ids,
        pause=lambda seconds: sleep(0.1),
        time_left=lambda: 180.0,
        show_step=lambda name, seconds: told.append(name),
    )
    services.pool.close()
    assert (told[0], told[-1], len(told)) == ("ready", "citations", 9)
    assert live.client.call("GET", f"/projects/{done.project_id}")["code"].startswith("d-TEST-")
