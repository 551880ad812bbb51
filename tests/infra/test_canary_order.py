"""Alarms, hook, 10 %, alarms, all or back: the order of a deployment, with our hooks, alarm names and alias calls.

AWS itself is not proved here; tests/infra/canary.py says what is."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from functions.hooks import lifecycle
from infra.aws.delivery import API
from infra.local.postgres import Databases
from shared.adapters.codedeploy import answer_hook
from shared.domain.errors import Refused
from shared.settings import environment
from shared.usecases.check_release import CheckedRelease, CheckRelease
from shared.usecases.verify_release import VerifyRelease
from shared.wiring import forget_services
from tests.infra.canary import Canary, Clock
from tests.infra.conftest import Templates
from tests.infra.rolled_stage import answered_by, rolled_stage
from tests.infra.test_delivery import aliases, groups
from tests.moto_alarms import make_alarm, ring
from tests.moto_server import moto_client, new_client
from tests.product import settings_for

Ask = Callable[[str], Templates]


@pytest.fixture(autouse=True)
def wired(databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in environment(settings_for(databases, tmp_path)).items():
        monkeypatch.setenv(name, value)
    forget_services()
    yield
    forget_services()


@dataclass
class Deployment:
    """A canary over the API of a stage on moto, with the staging stage's group and hooks."""

    canary: Canary
    function: str
    version: Callable[[], str]
    alarm: str

    def run(self) -> tuple[str, list[str]]:
        """The end, and the steps without repeated looks."""
        end = self.canary.run(self.function, "2")
        return end, [line for line, _ in groupby(self.canary.log)]


def passes(command: VerifyRelease | CheckRelease) -> CheckedRelease:
    """A release that is fine."""
    return CheckedRelease(report_id=None)


def blocks(command: VerifyRelease | CheckRelease) -> CheckedRelease:
    """A release that is not."""
    raise Refused("RELEASE_BLOCKED", details={"failed_checks": ["report"]})


def crashes(command: VerifyRelease | CheckRelease) -> CheckedRelease:
    """A hook with a bug."""
    raise ZeroDivisionError


def deployment(
    templates: Ask, *, stage: str = "staging", before: Any = passes, after: Any = passes, at: Any = None
) -> Deployment:
    """The API at version 1 with version 2 beside it; `at`: second -> the part of the alarm that rings then."""
    rolled = rolled_stage()
    group = groups(templates(stage))[API]
    mark = secrets.token_hex(3)
    alarms = [{"Name": f"{mark}-{alarm['Name']}"} for alarm in group["AlarmConfiguration"]["Alarms"]]
    for alarm in alarms:
        make_alarm(alarm["Name"])
        ring(alarm["Name"], "OK")
    answers: dict[str, bool] = {}
    wire = new_client("codedeploy", "http://127.0.0.1:1")

    def answered(asked: dict[str, Any]) -> dict[str, Any]:
        answers[asked["lifecycleEventHookExecutionId"]] = asked["status"] == "Succeeded"
        return {}

    answered_by(wire, "PutLifecycleEventHookExecutionStatus", answered)
    answer = partial(answer_hook, client=wire)
    update = aliases(templates(stage))[API]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    asked = {"BeforeAllowTrafficHook": (VerifyRelease, before), "AfterAllowTrafficHook": (CheckRelease, after)}
    function = f"{rolled.prefix}{API}"
    rolled.clients.functions.update_alias(FunctionName=function, Name="live", FunctionVersion="1")
    rings = {second: partial(ring, f"{mark}-bidproof-{stage}-release-{part}", "ALARM") for second, part in at or ()}
    canary = Canary(
        functions=rolled.clients.functions,
        alarms=moto_client("cloudwatch"),
        group={**group, "AlarmConfiguration": {"Alarms": alarms}},
        hooks={event: lifecycle(*asked[event], answer=answer) for event in asked if event in update},
        answers=answers,
        clock=Clock(rings),
    )
    return Deployment(canary, function, lambda: rolled.version(API), alarms[0]["Name"])


def test_a_good_release_gets_a_tenth_then_all_and_is_looked_at_again(templates: Ask) -> None:
    made = deployment(templates)
    assert made.run() == (
        "Succeeded",
        [
            "alarms green",
            "BeforeAllowTrafficHook passed",
            "traffic to 1 and 10% to 2",
            "alarms green",
            "traffic to 2",
            "AfterAllowTrafficHook passed",
            "Succeeded",
        ],
    )
    assert made.canary.clock.seconds == 30 * 60
    assert made.version() == "2"


def test_a_stage_without_a_canary_still_tries_the_release_first(templates: Ask) -> None:
    made = deployment(templates, stage="dev")
    assert made.run()[1][:3] == ["alarms green", "BeforeAllowTrafficHook passed", "traffic to 2"]


@pytest.mark.parametrize("hook", [blocks, crashes])
def test_a_release_that_does_not_pass_the_hook_gets_no_traffic_at_all(templates: Ask, hook: Any) -> None:
    made = deployment(templates, before=hook)
    assert made.run() == ("Failed", ["alarms green", "BeforeAllowTrafficHook failed", "Failed"])
    assert made.version() == "1"


@pytest.mark.parametrize("part", ["api", "executions", "http"])
def test_an_alarm_during_the_canary_takes_the_traffic_back(templates: Ask, part: str) -> None:
    made = deployment(templates, at=[(120, part)])
    end, steps = made.run()
    assert end == "Stopped"
    assert steps[-2:] == ["traffic to 1", "Stopped"] and steps[-3].endswith(f"-release-{part}")
    assert (made.canary.clock.seconds, made.version()) == (120, "1")


def test_nothing_is_deployed_into_an_alarm(templates: Ask) -> None:
    made = deployment(templates)
    ring(made.alarm, "ALARM")
    assert made.run()[1] == [f"alarms {made.alarm}", "Failed"]
    assert made.version() == "1"


def test_a_release_that_cannot_read_old_reports_is_taken_back_after_all_traffic_moved(templates: Ask) -> None:
    made = deployment(templates, after=blocks)
    end, steps = made.run()
    assert (end, steps[-4:]) == ("Failed", ["traffic to 2", "AfterAllowTrafficHook failed", "traffic to 1", "Failed"])
    assert made.version() == "1"
