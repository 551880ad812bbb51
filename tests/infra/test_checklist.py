"""Each item of the checklist really looks: against moto where moto has the service, else a checked client by hand."""

import os
import secrets
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.aws import checklist
from infra.aws.bundle import ROOT
from infra.aws.checklist import ITEMS, Finding, Look, findings, look_at
from infra.aws.destroy import main as destroy
from infra.aws.destroy import refusal
from infra.aws.stages import read_stage
from shared.domain.errors import Permanent
from tests.infra.rolled_stage import RELEASES, answered_by, rolled_stage
from tests.moto_alarms import make_alarm, ring
from tests.moto_server import ACCOUNT, REGION, moto_client, new_client

NOW = datetime.now(UTC)


class At:
    """A clock that stands."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


def look(*, is_new: bool = False, stage: str = "dev", clients: dict[str, Any] | None = None, **changed: Any) -> Look:
    """A look at a stage of a new name, with moto's clients but for those given."""
    named = replace(read_stage(stage), name=f"t{secrets.token_hex(3)}", region=REGION, **changed)
    given = clients or {}
    return Look(stage=named, client=lambda name: given.get(name) or moto_client(name), clock=At(), is_new=is_new)


def by_hand(service: str, **answers: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A client whose operations these functions answer."""
    made = new_client(service, "http://127.0.0.1:1")
    for operation, answer in answers.items():
        answered_by(made, operation, answer)
    return made


def test_a_stage_that_does_not_exist_has_nothing_to_lose() -> None:
    found = look_at(read_stage("dev"), moto_client, At())
    assert found.is_new
    new = look(is_new=True)
    for item in (checklist.backups, checklist.alarms, checklist.rollback_target):
        assert item(new) == Finding(state="ok", words="the stage does not exist yet")


def test_a_stage_whose_data_stack_is_there_exists() -> None:
    there = by_hand("cloudformation", DescribeStacks=lambda asked: {"Stacks": [{"StackName": asked["StackName"]}]})
    assert not look_at(read_stage("dev"), lambda name: there, At()).is_new


def test_the_account_is_named_before_anything_is_deployed_into_it() -> None:
    assert ACCOUNT in checklist.account(look()).words


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("UPDATE_COMPLETE", "ok"),
        ("UPDATE_ROLLBACK_COMPLETE", "ok"),
        ("UPDATE_IN_PROGRESS", "no"),
        ("UPDATE_ROLLBACK_FAILED", "no"),
        ("ROLLBACK_COMPLETE", "no"),
    ],
)
def test_a_stack_that_is_being_changed_or_stuck_stops_the_deployment(status: str, state: str) -> None:
    made = look()
    rows = [
        {"StackName": f"{made.prefix}app", "StackStatus": status},
        {"StackName": "other", "StackStatus": "X_FAILED"},
    ]
    stacks = by_hand("cloudformation", DescribeStacks=lambda asked: {"Stacks": rows})
    assert checklist.stacks(replace(made, client=lambda name: stacks)).state == state


def backed_up(restorable: timedelta, *, status: str = "COMPLETED", copies: int = 1) -> Finding:
    """What the item says of a cluster that can be restored to so long ago."""
    made = look()
    cluster = {"DBClusterIdentifier": f"{made.prefix}data-cluster", "LatestRestorableTime": NOW - restorable}
    asked_of: list[dict[str, Any]] = []

    def points(asked: dict[str, Any]) -> dict[str, Any]:
        asked_of.append(asked)
        return {"RecoveryPoints": [{"Status": status}] * copies}

    clients = {
        "rds": by_hand("rds", DescribeDBClusters=lambda asked: {"DBClusters": [cluster]}),
        "backup": by_hand("backup", ListRecoveryPointsByBackupVault=points),
    }
    found = checklist.backups(replace(made, client=lambda name: clients[name]))
    [asked] = asked_of
    assert asked["BackupVaultName"] == made.prefix.rstrip("-")
    assert asked["ByCreatedAfter"] == NOW - timedelta(hours=26)
    return found


def test_backups_are_fresh_when_15_minutes_and_a_daily_copy_are_there() -> None:
    assert backed_up(timedelta(minutes=14)).state == "ok"
    assert backed_up(timedelta(minutes=16)).state == "no"
    assert backed_up(timedelta(minutes=5), status="PARTIAL").state == "no"
    assert backed_up(timedelta(minutes=5), copies=0).state == "no"


def test_one_alarm_that_rings_stops_the_deployment_and_is_named() -> None:
    made = look()
    assert checklist.alarms(made) == Finding(state="no", words="no alarms")
    for name in ("quiet", "loud"):
        make_alarm(f"{made.prefix}{name}")
        ring(f"{made.prefix}{name}", "OK")
    assert checklist.alarms(made).state == "ok"
    ring(f"{made.prefix}loud", "ALARM")
    assert checklist.alarms(made) == Finding(state="no", words=f"{made.prefix}loud")


def test_a_stage_with_data_needs_an_address_that_has_confirmed() -> None:
    assert checklist.on_call(look(alarm_email="")).state == "ok"
    assert checklist.on_call(look(stage="staging", alarm_email="")).state == "no"
    made = look(stage="staging", alarm_email="on.call@example.com")
    rows = [{"Endpoint": "on.call@example.com", "SubscriptionArn": "PendingConfirmation"}]

    def listed(asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["TopicArn"] == f"arn:aws:sns:{REGION}:{ACCOUNT}:{made.prefix}p0"
        return {"Subscriptions": rows}

    sns = by_hand("sns", ListSubscriptionsByTopic=listed)
    asked = replace(made, client=lambda name: sns if name == "sns" else moto_client(name))
    assert checklist.on_call(asked).state == "no"
    rows[0]["SubscriptionArn"] = "arn:aws:sns:x"
    assert checklist.on_call(asked).state == "ok"


def test_the_live_release_must_be_one_that_can_be_gone_back_to() -> None:
    stage, made = rolled_stage(), look()
    assert checklist.rollback_target(made).state == "no", "nothing of this stage is there"
    named = replace(made.stage, name=stage.prefix.removeprefix("bidproof-").rstrip("-"))
    found = checklist.rollback_target(replace(made, stage=named))
    assert found == Finding(state="ok", words=f"release {RELEASES[1]} can be gone back to")


def test_the_account_must_allow_what_the_functions_reserve() -> None:
    limits = {"AccountLimit": {"ConcurrentExecutions": 1000}}
    functions = by_hand("lambda", GetAccountSettings=lambda asked: limits)
    assert checklist.quotas(look(clients={"lambda": functions})).state == "ok"
    limits["AccountLimit"]["ConcurrentExecutions"] = 10
    found = checklist.quotas(look(clients={"lambda": functions}))
    assert found.state == "no" and "Service Quotas" in found.words


def test_the_gates_are_said_to_be_unknown_where_they_count_and_cannot_be_read() -> None:
    assert checklist.gates(look()).state == "ok"
    assert checklist.gates(look(stage="prod")).state == "unknown"


def test_an_item_that_aws_does_not_answer_is_unknown_and_not_ok() -> None:
    def silent(look: Look) -> Finding:
        raise Permanent("INTERNAL_ERROR", "AccessDenied")

    assert list(findings(look(), (silent,))) == [("silent", Finding(state="unknown", words="AccessDenied"))]


def test_a_dry_run_asks_nothing_and_names_every_item(capsys: pytest.CaptureFixture[str]) -> None:
    assert checklist.main(["--stage", "prod", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()] == [item.__name__ for item in ITEMS]


def test_the_command_stops_at_what_is_not_ok_unless_it_is_accepted_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(look: Look) -> Any:
        return iter(
            [("alarms", Finding(state="ok", words="none")), ("gates", Finding(state="unknown", words="unread"))]
        )

    monkeypatch.setattr(checklist, "look_at", lambda stage, client, clock: look())
    monkeypatch.setattr(checklist, "findings", asked)
    assert checklist.main(["--stage", "prod"]) == 1
    assert "not deployed: gates" in capsys.readouterr().err
    assert checklist.main(["--stage", "prod", "--accept", "alarms"]) == 1
    assert checklist.main(["--stage", "prod", "--accept", "gates"]) == 0
    assert "unread (accepted)" in capsys.readouterr().out


def printed_by(command: list[str]) -> str:
    """What make says outside of the make that runs the tests."""
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=alone).stdout


def test_make_deploys_after_synthesis_and_checklist_and_tries_the_stage_at_the_end() -> None:
    asked = ["make", "-n", "deploy", "STAGE=dev", "ACCEPT=gates cost"]
    printed = printed_by(asked)
    steps = ["-m infra.aws\n", "infra.aws.checklist --stage dev --accept gates --accept cost", "cdk deploy --all"]
    places = [printed.index(step) for step in [*steps, "infra.smoke --stage dev"]]
    assert places == sorted(places)


def test_make_asks_before_it_destroys() -> None:
    printed = printed_by(["make", "-n", "destroy", "STAGE=dev"])
    assert printed.index("infra.aws.destroy dev") < printed.index("cdk destroy")


def test_only_a_stage_without_protected_data_may_be_destroyed(capsys: pytest.CaptureFixture[str]) -> None:
    assert {name: bool(refusal(read_stage(name))) for name in ("dev", "staging", "prod")} == {
        "dev": False,
        "staging": True,
        "prod": True,
    }
    assert refusal(replace(read_stage("prod"), deletion_protection=False)) == "prod is never destroyed by a command"
    assert destroy(["dev"]) == 0
    assert destroy(["staging"]) == 2
    assert "deletion_protection" in capsys.readouterr().err
