"""What the runtime refuses at load, and what the lint asks of every Task."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.local.asl_definition import InvalidDefinition, function_of, read_definition
from infra.local.asl_lint import FOLDER, lint

MACHINES = sorted(FOLDER.glob("*.asl.json"))
PASS = {"Type": "Pass", "End": True}
WORK = {"Type": "Task", "Resource": "${Work}", "End": True}
CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"


def machine(state: dict[str, Any], **top: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": state}, **top}


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.name)
def test_our_machines_pass_the_lint(path: Path) -> None:
    assert lint(json.loads(path.read_text())) == []


def test_there_are_machines_to_lint() -> None:
    assert MACHINES


@pytest.mark.parametrize(
    "bad",
    [
        {"StartAt": "Z", "States": {"A": PASS}},
        machine({"Type": "Pass", "Next": "Nope"}),
        machine({"Type": "Pass"}),
        machine({"Type": "Pass", "Next": "A", "End": True}),
        machine({"Type": "Bogus", "End": True}),
        machine({"Type": "Parallel", "Branches": [], "End": True}),
        machine({"Type": "Task", "End": True}),
        machine({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True}),
        machine({"Type": "Task", "Resource": CALLBACK, "Parameters": {"FunctionName": "${Ask}"}, "End": True}),
        machine({**WORK, "HeartbeatSeconds": 3, "TimeoutSeconds": 9}),
        machine({**WORK, "TimeoutSeconds": "9"}),
        machine({**WORK, "Retry": [{"IntervalSeconds": 1}]}),
        machine({**WORK, "Retry": {"ErrorEquals": ["E"]}}),
        machine({**WORK, "Catch": "States.ALL"}),
        machine({**WORK, "Parameters": 3, "Resource": CALLBACK}),
        machine({**WORK, "Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "FULL"}]}),
        machine({**WORK, "Catch": [{"ErrorEquals": ["E"], "Next": "Nope"}]}),
        machine({**WORK, "Assign": {"x": 1}}),
        machine(PASS, QueryLanguage="JSONata"),
        machine({**PASS, "Parameters": {"a.$": "$.l[*]"}}),
        machine({**PASS, "Parameters": {"a.$": "$.l[?(@.p>1)]"}}),
        machine({**PASS, "Parameters": {"a.$": "$..n"}}),
        machine({**PASS, "Parameters": {"a.$": "States.Format('{}', $.n)"}}),
        machine({**PASS, "Parameters": {"a.$": "$$.Execution.RoleArn"}}),
        machine({**PASS, "Parameters": {"a.$": "$$.Map.Item.Source"}}),
        machine({**PASS, "Parameters": {"a.$": 7}}),
        machine({**PASS, "ResultPath": "$.a.*"}),
        machine({**PASS, "InputPath": "$$.Execution.Input"}),
        machine({"Type": "Wait", "End": True}),
        machine({"Type": "Wait", "Seconds": 1, "SecondsPath": "$.s", "End": True}),
        machine({"Type": "Wait", "Timestamp": "tomorrow", "End": True}),
        machine({"Type": "Choice", "Choices": []}),
        machine({"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericNear": 1, "Next": "A"}]}),
        machine({"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True}], "Default": "A"}),
        machine({"Type": "Map", "End": True}),
        machine({"Type": "Map", "End": True, "ItemReader": {}, "ItemProcessor": machine(PASS)}),
        machine({"Type": "Map", "End": True, "ItemProcessor": machine(PASS)}),
        machine(
            {
                "Type": "Map",
                "End": True,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "B",
                    "States": {"B": PASS},
                },
            }
        ),
        {"StartAt": "A", "States": {"A": PASS, "B": PASS}},
        {"StartAt": "A", "States": {}},
        [],
    ],
)
def test_what_is_outside_the_subset_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidDefinition):
        read_definition(bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 0}]},
        {"Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 1.5}]},
        {"Retry": [{"ErrorEquals": ["E"], "MaxDelaySeconds": 0}]},
        {"Retry": [{"ErrorEquals": ["E"], "MaxAttempts": -1}]},
        {"Retry": [{"ErrorEquals": ["E"], "MaxAttempts": True}]},
        {"Retry": [{"ErrorEquals": ["E"], "BackoffRate": 0.5}]},
        {"Retry": [{"ErrorEquals": ["E"], "BackoffRate": "2"}]},
        {"Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "FULL"}]},
        {"Retry": [{"ErrorEquals": []}]},
        {"Retry": [{"ErrorEquals": ["States.ALL", "E"]}]},
        {"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]},
        {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "A"}, {"ErrorEquals": ["E"], "Next": "A"}]},
        {"TimeoutSeconds": 0},
        {"TimeoutSeconds": 5, "TimeoutSecondsPath": "$.t"},
    ],
)
def test_retries_catches_and_times_that_step_functions_refuses_are_refused_here(bad: dict[str, Any]) -> None:
    assert read_definition(machine({**WORK, "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 0}]}))
    with pytest.raises(InvalidDefinition):
        read_definition(machine({**WORK, **bad}))


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidDefinition) as refused:
        read_definition({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B", "Assign": {}}}})
    assert "Assign" in str(refused.value)
    assert "'B'" in str(refused.value)


def test_a_state_inside_a_map_is_found_by_its_name() -> None:
    inner = {"Type": "Map", "End": True, "ItemProcessor": {"StartAt": "B", "States": {"B": WORK}}}
    assert set(read_definition(machine(inner)).states) == {"A", "B"}


def test_a_task_names_its_function_in_camel_case() -> None:
    assert function_of({"Resource": "${ChunkDocument}"}) == "chunk_document"
    assert function_of({"Resource": CALLBACK, "Parameters": {"FunctionName": "${OpenReview}"}}) == "open_review"


def no_timeout(document: dict[str, Any]) -> None:
    del document["TimeoutSeconds"]


def task_without(field: str) -> Callable[[dict[str, Any]], None]:
    def break_it(document: dict[str, Any]) -> None:
        del document["States"]["InspectFile"][field]

    return break_it


def catch_elsewhere(document: dict[str, Any]) -> None:
    document["States"]["InspectFile"]["Catch"][0]["Next"] = "Failed"


def retry_of_nobody(document: dict[str, Any]) -> None:
    document["States"]["InspectFile"]["Retry"][0]["MaxAttempts"] = 4


def retry_everything(document: dict[str, Any]) -> None:
    document["States"]["InspectFile"]["Retry"].insert(0, {"ErrorEquals": ["States.ALL"]})


def other_function(document: dict[str, Any]) -> None:
    document["States"]["InspectFile"]["Resource"] = "${RoutePages}"


def map_without_catch(document: dict[str, Any]) -> None:
    del document["States"]["EachRange"]["Catch"]


@pytest.mark.parametrize(
    "omission",
    [
        no_timeout,
        task_without("TimeoutSeconds"),
        task_without("Retry"),
        task_without("Catch"),
        catch_elsewhere,
        retry_of_nobody,
        retry_everything,
        other_function,
        map_without_catch,
    ],
)
def test_a_planted_omission_is_found(omission: Callable[[dict[str, Any]], None]) -> None:
    document = copy.deepcopy(json.loads((FOLDER / "ingest_document.asl.json").read_text()))
    omission(document)
    assert lint(document)
