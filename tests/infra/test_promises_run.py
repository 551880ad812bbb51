"""What every stage promises about what runs: functions, queues, schedules, state machines (issue 5, spec W9, W98)."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.aws.catalogue import CATALOGUE
from infra.aws.workflows import FILES, snake
from tests.infra.conftest import Templates
from tests.infra.template_parts import STAGES, functions, listed, written

pytestmark = pytest.mark.parametrize("stage", STAGES)
Asked = Callable[[str], Templates]
NOT_IN_NETWORK = {"verify_release", "check_release"}  # they reach the token endpoint as a client from outside would


def queue_name(queue: dict[str, Any], stage: str) -> str:
    return queue["Properties"]["QueueName"].removeprefix(f"bidproof-{stage}-")


def queues(made: Templates, stage: str) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """(queues of consumers, dead letters), by logical id."""
    found = made.resources("AWS::SQS::Queue")
    dead = {id: body for id, body in found.items() if queue_name(body, stage).endswith("-dead")}
    return {id: body for id, body in found.items() if id not in dead}, dead


def mappings(made: Templates) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(logical id of the queue, text of the function, properties) of every event source."""
    for body in made.resources("AWS::Lambda::EventSourceMapping").values():
        row = body["Properties"]
        yield row["EventSourceArn"]["Fn::GetAtt"][0], written(row["FunctionName"]), row


def tasks(states: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in states.items():
        if state["Type"] == "Task":
            yield name, state
        if state["Type"] == "Map":
            yield from tasks(state["ItemProcessor"]["States"])


def called(state: dict[str, Any]) -> str:
    """The name that the state leaves open, as `ClaimJob`."""
    resource = state["Resource"]
    return (state["Parameters"]["FunctionName"] if resource.startswith("arn:") else resource).strip("${}")


def waits_for_a_person(state: dict[str, Any]) -> bool:
    return state["Resource"].endswith(".waitForTaskToken")


def test_every_function_is_as_its_row_of_the_catalogue_says(templates: Asked, stage: str) -> None:
    for name, row in functions(templates(stage), stage).items():
        wanted = CATALOGUE[name]  # a function that stands in no row is one that CDK added by itself
        assert (row["Timeout"], row["MemorySize"]) == (wanted.timeout, wanted.memory), name
        assert row.get("ReservedConcurrentExecutions") == wanted.concurrency, name
        assert row["Architectures"] == ["arm64"] and row["TracingConfig"] == {"Mode": "Active"}, name
        assert ("VpcConfig" in row) is (name not in NOT_IN_NETWORK), name


def test_every_function_has_a_log_group_of_its_own_that_forgets(templates: Asked, stage: str) -> None:
    made = templates(stage)
    groups = made.resources("AWS::Logs::LogGroup")
    used = [row["LoggingConfig"]["LogGroup"]["Ref"] for row in functions(made, stage).values()]
    assert len(set(used)) == len(used)
    for id, body in groups.items():
        assert body["Properties"]["RetentionInDays"] in (14, 30, 365), id


def test_every_function_has_the_alias_live_at_the_version_of_this_release(templates: Asked, stage: str) -> None:
    made = templates(stage)
    versions = {
        id: body["Properties"]["FunctionName"]["Ref"] for id, body in made.resources("AWS::Lambda::Version").items()
    }
    aliases = {}
    for body in made.resources("AWS::Lambda::Alias").values():
        row = body["Properties"]
        assert row["Name"] == "live"
        assert versions[row["FunctionVersion"]["Fn::GetAtt"][0]] == row["FunctionName"]["Ref"]
        aliases[row["FunctionName"]["Ref"]] = row
    assert aliases.keys() == {row["id"] for row in functions(made, stage).values()}
    for id, body in made.resources("AWS::Lambda::Version").items():
        assert body["DeletionPolicy"] == "Retain", id  # executions that wait still run on it


def test_every_function_that_callers_name_has_an_alarm_on_its_errors(templates: Asked, stage: str) -> None:
    made = templates(stage)
    alarms = [written(body["Properties"]) for body in made.resources("AWS::CloudWatch::Alarm").values()]
    errors = [text for text in alarms if '"Errors"' in text]
    without = {
        name
        for name, row in CATALOGUE.items()
        if not row.trigger.startswith("deployment")  # its failure fails the deployment
        and not any(f'"bidproof-{stage}-{name}"' in text or f"bidproof-{stage}-{name}:" in text for text in errors)
    }
    steps = {
        snake(called(state)) for path in FILES.values() for _, state in tasks(json.loads(path.read_text())["States"])
    }
    assert without - steps == set()
    # a step fails its execution after its retries, and every machine has an alarm on that
    for machine in FILES:
        assert any("ExecutionsFailed" in text and f"bidproof-{stage}-{machine}" in text for text in alarms), machine


def test_every_task_calls_the_version_that_the_alias_names(templates: Asked, stage: str) -> None:
    """Decision 0008: an execution ends on the code that it began with, and `live` says which code that is now."""
    made = templates(stage)
    names = {row["id"]: name for name, row in functions(made, stage).items()}
    live = {
        names[row["FunctionName"]["Ref"]]: row["FunctionVersion"]["Fn::GetAtt"][0]
        for row in (body["Properties"] for body in made.resources("AWS::Lambda::Alias").values())
    }
    machines = made.resources("AWS::StepFunctions::StateMachine")
    assert len(machines) == len(FILES)
    for body in machines.values():
        row = body["Properties"]
        found = list(tasks(json.loads(row["DefinitionString"])["States"]))
        assert found
        for name, state in found:
            function = called(state)
            assert name.startswith(function)
            assert row["DefinitionSubstitutions"][function] == {"Ref": live[snake(function)]}, name


def test_no_state_waits_longer_than_its_function_may_run_nor_less(templates: Asked, stage: str) -> None:
    """A state that gave up first would run a step twice at once; one that waits for a person is bounded by its wait."""
    made = functions(templates(stage), stage)
    for path in FILES.values():
        for name, state in tasks(json.loads(path.read_text())["States"]):
            timeout = made[snake(called(state))]["Timeout"]
            if waits_for_a_person(state):
                assert state.get("TimeoutSeconds", timeout + 1) > timeout or "TimeoutSecondsPath" in state, name
            else:
                assert state["TimeoutSeconds"] == timeout, name


def test_state_machines_are_traced_logged_and_moved_by_an_alias(templates: Asked, stage: str) -> None:
    made = templates(stage)
    canary = {"dev": "ALL_AT_ONCE", "staging": "CANARY", "prod": "CANARY"}[stage]
    for id, body in made.resources("AWS::StepFunctions::StateMachine").items():
        row = body["Properties"]
        assert row["TracingConfiguration"] == {"Enabled": True}, id
        assert row["LoggingConfiguration"]["Level"] == "ALL", id
        assert row["LoggingConfiguration"]["IncludeExecutionData"] is False, id
    aliases = made.resources("AWS::StepFunctions::StateMachineAlias")
    assert len(aliases) == len(FILES)
    for id, body in aliases.items():
        shift = body["Properties"]["DeploymentPreference"]
        assert body["Properties"]["Name"] == "live" and shift["Type"] == canary and shift["Alarms"], id
        assert shift.get("Percentage", 10) == 10, id
    for id, body in made.resources("AWS::StepFunctions::StateMachineVersion").items():
        assert body["DeletionPolicy"] == "Retain", id


def test_every_queue_is_encrypted_and_has_dead_letters_that_take_only_its_own(templates: Asked, stage: str) -> None:
    live, dead = queues(templates(stage), stage)
    for id, body in (live | dead).items():
        assert "KeysMessages" in written(body["Properties"]["KmsMasterKeyId"]), id
    taken = set()
    for id, body in live.items():
        redrive = body["Properties"]["RedrivePolicy"]
        target = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]
        allowed = dead[target]["Properties"]["RedriveAllowPolicy"]
        assert redrive["maxReceiveCount"] == 5, id
        assert allowed["redrivePermission"] == "byQueue", id
        assert written(allowed["sourceQueueArns"]).count(body["Properties"]["QueueName"] + '"') == 1, id
        assert dead[target]["Properties"]["MessageRetentionPeriod"] == 14 * 86400, id
        taken.add(target)
    assert {queue_name(dead[id], stage) for id in dead.keys() - taken} == {"undelivered-dead"}


def test_a_message_stays_hidden_six_times_as_long_as_its_consumer_may_run(templates: Asked, stage: str) -> None:
    made = templates(stage)
    live, dead = queues(made, stage)
    names = {row["id"]: name for name, row in functions(made, stage).items()}
    seen = set()
    for queue, function, row in mappings(made):
        aliases = made.resources("AWS::Lambda::Alias")
        [name] = {
            names[body["Properties"]["FunctionName"]["Ref"]] for id, body in aliases.items() if f'"{id}"' in function
        }
        assert function.endswith('":live"]]}') or ":live" in function
        assert row["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert (live | dead)[queue]["Properties"]["VisibilityTimeout"] == 6 * CATALOGUE[name].timeout, queue
        seen.add(queue)
    assert {queue_name((live | dead)[id], stage) for id in (live | dead).keys() - seen} == {"undelivered-dead"}


def test_every_rule_and_every_schedule_has_dead_letters(templates: Asked, stage: str) -> None:
    made = templates(stage)
    for id, body in made.resources("AWS::Events::Rule").items():
        if "Targets" in body["Properties"] and "EventBusName" in body["Properties"]:
            for target in body["Properties"]["Targets"]:
                assert "DeadUndelivered" in written(target["DeadLetterConfig"]), id
    names = {row["id"]: name for name, row in functions(made, stage).items()}
    due = {}
    for id, body in made.resources("AWS::Scheduler::Schedule").items():
        target = body["Properties"]["Target"]
        assert "DeadUndelivered" in written(target["DeadLetterConfig"]), id
        alias = made.resources("AWS::Lambda::Alias")[target["Arn"]["Ref"]]
        due[names[alias["Properties"]["FunctionName"]["Ref"]]] = body["Properties"]["ScheduleExpression"]
    wanted = {name: row.trigger.partition(":")[2] for name, row in CATALOGUE.items() if row.trigger.startswith("sched")}
    spoken = {"1": "rate(1 minute)", "60": "rate(1 hour)", "1440": "rate(1 day)"}
    assert due == {name: spoken.get(n, f"rate({n} minutes)") for name, n in wanted.items()}


def test_the_bus_is_encrypted_and_keeps_what_it_carried(templates: Asked, stage: str) -> None:
    made = templates(stage)
    [bus] = made.resources("AWS::Events::EventBus").values()
    [archive] = made.resources("AWS::Events::Archive").values()
    assert "KeysMessages" in written(bus["Properties"]["KmsKeyIdentifier"])
    assert archive["Properties"]["RetentionDays"] == 14


def test_no_stack_is_near_the_most_resources_that_a_template_may_have(templates: Asked, stage: str) -> None:
    for name, template in templates(stage).of.items():
        assert len(template["Resources"]) <= 495, name
        assert len(json.dumps(template)) <= 1_000_000, name


def test_nothing_runs_that_cdk_added_by_itself(templates: Asked, stage: str) -> None:
    made = templates(stage)
    assert all(body["Properties"].get("FunctionName") for body in made.resources("AWS::Lambda::Function").values())
    kinds = {body["Type"] for template in made.of.values() for body in template["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith("Custom::")]
    for id, body in made.resources("AWS::CloudFormation::CustomResource").items():
        assert listed(body["Properties"]["ServiceToken"])[0], id
