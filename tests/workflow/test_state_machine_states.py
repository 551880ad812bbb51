"""The states: data flow, choices, tasks, retries, catches, waits and failures."""

import json
import threading
from typing import Any

import psycopg
import pytest

from infra.local.state_machine import StateMachine
from shared.domain.errors import Permanent, Retryable
from tests.workflow.conftest import Shop


def one(state: dict[str, Any], **top: Any) -> dict[str, Any]:
    ends = {} if state["Type"] in ("Succeed", "Fail", "Choice") or "Next" in state else {"End": True}
    return {"StartAt": "A", "States": {"A": {**state, **ends}}, **top}


def task(name: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"${{{name}}}", **fields}


def caught(state: dict[str, Any], errors: list[str]) -> dict[str, Any]:
    catch = [{"ErrorEquals": errors, "ResultPath": "$.failure", "Next": "Caught"}]
    return {
        "StartAt": "A",
        "States": {"A": {**state, "Catch": catch, "End": True}, "Caught": {"Type": "Pass", "End": True}},
    }


def flaky(shop: Shop, name: str, failures: list[Exception]) -> list[int]:
    """A function that raises the failures one after the other and then returns its event."""
    calls: list[int] = []

    def work(event: Any, _context: Any) -> Any:
        calls.append(1)
        if len(calls) <= len(failures):
            raise failures[len(calls) - 1]
        return event

    shop.functions[name] = work
    return calls


def test_a_pass_puts_its_result_at_the_path(shop: Shop) -> None:
    state = {"Type": "Pass", "Parameters": {"a.$": "$.x", "b": 1, "c": [{"d.$": "$.x"}]}, "ResultPath": "$.r"}
    assert shop.output(one(state), {"x": 5}) == {"x": 5, "r": {"a": 5, "b": 1, "c": [{"d": 5}]}}


def test_a_null_result_path_drops_the_result(shop: Shop) -> None:
    assert shop.output(one({"Type": "Pass", "Result": 7, "ResultPath": None}), {"x": 5}) == {"x": 5}


def test_a_task_gets_its_parameters_and_its_result_goes_where_the_paths_say(shop: Shop) -> None:
    shop.functions["double_number"] = lambda event, _: {"n": event["m"] * 2, "noise": True}
    state = task(
        "DoubleNumber",
        Parameters={"m.$": "$.n"},
        ResultSelector={"twice.$": "$.n"},
        ResultPath="$.got.here",
        OutputPath="$.got",
    )
    assert shop.output(one(state), {"n": 4}) == {"here": {"twice": 8}}


@pytest.mark.usefixtures("no_pauses")
def test_the_context_names_execution_state_and_retries(shop: Shop) -> None:
    flaky(shop, "look", [Retryable("DEPENDENCY_TIMEOUT")])
    parameters = {
        "execution.$": "$$.Execution.Name",
        "input.$": "$$.Execution.Input.x",
        "state.$": "$$.State.Name",
        "retries.$": "$$.State.RetryCount",
        "entered.$": "$$.State.EnteredTime",
    }
    retry = [{"ErrorEquals": ["Retryable"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    found = shop.wait(shop.start(one(task("Look", Parameters=parameters, Retry=retry)), {"x": 1}, name="job-1")).output
    assert found.pop("entered").endswith("Z")
    assert found == {"execution": "job-1", "input": 1, "state": "A", "retries": 1}


def test_a_handler_sees_how_long_it_may_take(shop: Shop) -> None:
    shop.functions["look"] = lambda _event, context: [context.function_name, context.get_remaining_time_in_millis()]
    name, left = shop.output(one(task("Look", TimeoutSeconds=30)))
    assert name == "look"
    assert 0 < left <= 30_000


def test_a_handler_cannot_change_the_machine_s_data(shop: Shop) -> None:
    shop.functions["spoil"] = lambda event, _: event["list"].append(1)
    assert shop.output(one(task("Spoil", ResultPath=None)), {"list": []}) == {"list": []}


@pytest.mark.parametrize(
    ("data", "taken"), [({"a": 6, "b": "y"}, "Y"), ({"a": 6, "b": "xy"}, "N"), ({"b": "1"}, "N"), ({"a": "6"}, "N")]
)
def test_a_choice_takes_the_first_rule_that_holds(shop: Shop, data: dict[str, Any], taken: str) -> None:
    rule = {
        "And": [
            {"Variable": "$.a", "IsPresent": True},
            {"Variable": "$.a", "NumericGreaterThan": 5},
            {"Not": {"Variable": "$.b", "StringMatches": "x*"}},
        ],
        "Next": "Y",
    }
    states = {
        "C": {"Type": "Choice", "Choices": [rule], "Default": "N"},
        "Y": {"Type": "Pass", "Result": "Y", "End": True},
        "N": {"Type": "Pass", "Result": "N", "End": True},
    }
    assert shop.output({"StartAt": "C", "States": states}, data) == taken


def test_a_choice_without_a_match_fails_the_execution(shop: Shop) -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "S"}]}
    ended = shop.run({"StartAt": "C", "States": {"C": choice, "S": {"Type": "Succeed"}}}, {"a": 2})
    assert (ended.status, ended.error) == ("FAILED", "States.NoChoiceMatched")


def test_a_retryable_failure_is_retried_until_it_works(shop: Shop) -> None:
    calls = flaky(shop, "work", [Retryable("DEPENDENCY_TIMEOUT"), Retryable("DEPENDENCY_TIMEOUT")])
    retry = [{"ErrorEquals": ["Retryable"], "IntervalSeconds": 1, "BackoffRate": 5.0, "MaxDelaySeconds": 1}]
    assert shop.output(one(task("Work", Retry=retry)), {"x": 1}) == {"x": 1}
    assert len(calls) == 3


@pytest.mark.usefixtures("no_pauses")
def test_retries_end_after_max_attempts(shop: Shop) -> None:
    calls = flaky(shop, "work", [Retryable("DEPENDENCY_TIMEOUT")] * 9)
    retry = [{"ErrorEquals": ["Retryable"], "IntervalSeconds": 1, "MaxAttempts": 3}]
    assert shop.run(one(task("Work", Retry=retry))).error == "Retryable"
    assert len(calls) == 4


@pytest.mark.usefixtures("no_pauses")
def test_each_retrier_counts_for_itself(shop: Shop) -> None:
    calls = flaky(shop, "work", [Retryable("DEPENDENCY_TIMEOUT"), OSError("gone"), Retryable("DEPENDENCY_TIMEOUT")])
    retry = [
        {"ErrorEquals": ["Retryable"], "IntervalSeconds": 1, "MaxAttempts": 2},
        {"ErrorEquals": ["OSError"], "IntervalSeconds": 1, "MaxAttempts": 1},
    ]
    shop.output(one(task("Work", Retry=retry)))
    assert len(calls) == 4


@pytest.mark.usefixtures("no_pauses")
def test_a_permanent_failure_is_not_retried_and_its_cause_carries_the_code(shop: Shop) -> None:
    calls = flaky(shop, "work", [Permanent("DOC_PARSE_ENCRYPTED", "locked", details={"page": 3})])
    state = task("Work", Retry=[{"ErrorEquals": ["Retryable"], "IntervalSeconds": 1}])
    failure = shop.output(caught(state, ["States.ALL"]), {"x": 1})["failure"]
    assert len(calls) == 1
    assert failure["Error"] == "Permanent"
    assert json.loads(failure["Cause"]) == {
        "errorMessage": "locked",
        "errorType": "Permanent",
        "code": "DOC_PARSE_ENCRYPTED",
        "details": {"page": 3},
    }


def test_a_bug_is_caught_by_its_class_name(shop: Shop) -> None:
    flaky(shop, "work", [ZeroDivisionError("by zero")])
    assert shop.output(caught(task("Work"), ["ZeroDivisionError"]))["failure"]["Error"] == "ZeroDivisionError"


def test_an_uncaught_failure_fails_the_execution_with_its_cause(shop: Shop) -> None:
    flaky(shop, "work", [ValueError("no")])
    ended = shop.run(one(task("Work")))
    assert (ended.status, ended.error) == ("FAILED", "ValueError")
    assert json.loads(ended.cause or "")["errorMessage"] == "no"


def test_a_missing_function_is_a_failure_like_any_other(shop: Shop) -> None:
    assert shop.run(one(task("NoSuchFunction"))).status == "FAILED"


def test_a_missing_parameter_is_caught(shop: Shop) -> None:
    state = task("Work", Parameters={"a.$": "$.nowhere"})
    assert shop.output(caught(state, ["States.ALL"]))["failure"]["Error"] == "States.ParameterPathFailure"


def test_a_task_that_takes_too_long_times_out_and_its_late_result_is_dropped(shop: Shop) -> None:
    release, done = threading.Event(), threading.Event()

    def slow(_event: Any, _context: Any) -> dict[str, bool]:
        release.wait(20)
        done.set()
        return {"late": True}

    shop.functions["slow"] = slow
    ended = shop.output(caught(task("Slow", TimeoutSeconds=1), ["States.Timeout"]), {"x": 1})
    release.set()
    assert done.wait(20)
    assert ended["failure"]["Error"] == "States.Timeout"


def test_a_result_above_256_kib_fails_the_execution_past_every_catch(shop: Shop) -> None:
    shop.functions["work"] = lambda _event, _context: "x" * (256 * 1024)
    assert shop.run(caught(task("Work"), ["States.ALL"])).error == "States.DataLimitExceeded"


def test_a_result_that_is_no_json_fails(shop: Shop) -> None:
    shop.functions["work"] = lambda _event, _context: {1, 2}
    assert shop.run(one(task("Work"))).error == "Runtime.MarshalError"


@pytest.mark.parametrize("text", ["\x00", "\ud800", "价格", "\u2028"])
def test_any_json_text_passes_unchanged(shop: Shop, text: str) -> None:
    shop.functions["work"] = lambda event, _: event
    assert shop.output(one(task("Work")), {"t": text}) == {"t": text}


@pytest.mark.parametrize(
    "wait", [{"Seconds": 1}, {"SecondsPath": "$.s"}, {"TimestampPath": "$.t"}, {"Timestamp": "2020-01-01T00:00:00Z"}]
)
def test_a_wait_passes_its_input_on(shop: Shop, wait: dict[str, Any]) -> None:
    data = {"s": 1, "t": "2020-01-01T00:00:00+00:00"}
    assert shop.output(one({"Type": "Wait", **wait}), data) == data


def test_a_wait_waits(idle_shop: Shop) -> None:
    """The row says so: its time is the given one, and nothing takes it before."""
    ref = idle_shop.start(one({"Type": "Wait", "Timestamp": "2999-01-01T00:00:00Z"}))
    machine = StateMachine(idle_shop.resolve)
    with psycopg.connect(idle_shop.url, autocommit=True) as connection:
        assert machine.run_next(connection)
        assert not machine.run_next(connection)
    assert idle_shop.look(ref).status == "RUNNING"


def test_a_fail_state_names_error_and_cause(shop: Shop) -> None:
    ended = shop.run(one({"Type": "Fail", "Error": "JobFailed", "Cause": "why"}))
    assert (ended.status, ended.error, ended.cause) == ("FAILED", "JobFailed", "why")


def test_a_machine_s_timeout_ends_the_execution(shop: Shop) -> None:
    ended = shop.run(one({"Type": "Wait", "Seconds": 60}, TimeoutSeconds=1))
    assert (ended.status, ended.error) == ("TIMED_OUT", "States.Timeout")


def test_a_definition_outside_the_subset_is_refused_at_load(shop: Shop) -> None:
    ended = shop.run(one({"Type": "Pass", "Assign": {"x": 1}}))
    assert (ended.status, ended.error) == ("FAILED", "States.Runtime")
    assert "Assign" in (ended.cause or "")
