"""Executions that did not succeed are redriven: they go on where they failed, and repeat nothing that was done."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from infra.local.asl_rows import sweep
from infra.local.redrive import redrive
from infra.local.state_machine import StateMachine
from tests.workflow.conftest import Shop, until

CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
FAIL = {"F": {"Type": "Fail", "Error": "Failed"}}


def again(shop: Shop, ref: str, *, swept: bool = True) -> bool:
    """Redrive after a sweep, which must have left what a redrive needs, or before there was one."""
    with psycopg.connect(shop.url) as connection:
        if swept:
            sweep(connection)
        return redrive(connection, ref)


def work_off(shop: Shop, steps: int | None = None) -> int:
    """Take all due lines, or so many of them; how many there were."""
    machine, taken = StateMachine(shop.resolve), 0
    with psycopg.connect(shop.url, autocommit=True) as connection:
        while taken != steps and machine.run_next(connection):
            taken += 1
    return taken


def task(name: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"${{{name}}}", **fields}


def each(states: dict[str, Any], start: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemsPath": "$.l", "ItemProcessor": {"StartAt": start, "States": states}, **fields}


def counted(shop: Shop, name: str, bad: set[Any], result: Callable[[Any], Any] = lambda event: event) -> Counter[Any]:
    """A function that counts its events and fails for those in `bad`."""
    calls: Counter[Any] = Counter()

    def work(event: Any, _context: Any) -> Any:
        calls[event["k"] if isinstance(event, dict) else event] += 1
        if event["k"] in bad if isinstance(event, dict) else event in bad:
            raise ValueError(f"bad {event}")
        return result(event)

    shop.functions[name] = work
    return calls


def test_a_failed_execution_goes_on_at_the_state_that_failed(shop: Shop) -> None:
    bad: set[Any] = {1}
    first, second = counted(shop, "first", set()), counted(shop, "second", bad)
    states = {
        "A": task("First", ResultPath="$.a", Next="P"),
        "P": {"Type": "Pass", "Result": 7, "ResultPath": "$.p", "Next": "B"},
        "B": task("Second", ResultPath="$.b", End=True),
    }
    ref = shop.start({"StartAt": "A", "States": states}, {"k": 1})
    assert shop.wait(ref).error == "ValueError"
    assert again(shop, ref)
    until(lambda: True if second[1] == 2 else None)
    assert shop.wait(ref).error == "ValueError"
    bad.clear()
    assert again(shop, ref)
    ended = shop.wait(ref)
    assert (ended.status, ended.error, ended.cause) == ("SUCCEEDED", None, None)
    assert ended.output["p"] == 7
    assert (first[1], second[1]) == (1, 3)


def test_a_half_done_map_runs_its_failed_and_unbegun_items_only(shop: Shop) -> None:
    bad: set[Any] = {2}
    calls = counted(shop, "work", bad)
    work = {"W": task("Work", Next="P"), "P": {"Type": "Pass", "End": True}}
    after = counted(shop, "after", set(), lambda _event: "after")
    states = {"M": {**each(work, "W", MaxConcurrency=1), "ResultPath": "$.out", "Next": "Z"}}
    states["Z"] = task("After", Parameters={"k": 0}, ResultPath="$.z", End=True)
    ref = shop.start({"StartAt": "M", "States": states}, {"l": [0, 1, 2, 3]})
    assert shop.wait(ref).error == "ValueError"
    assert calls == {0: 1, 1: 1, 2: 1}
    bad.clear()
    assert again(shop, ref)
    assert shop.wait(ref).output == {"l": [0, 1, 2, 3], "out": [0, 1, 2, 3], "z": "after"}
    assert calls == {0: 1, 1: 1, 2: 2, 3: 1}
    assert after[0] == 1


def test_a_redriven_map_runs_no_more_items_at_once_than_it_may(idle_shop: Shop) -> None:
    calls = counted(idle_shop, "work", {1})
    work = {"W": task("Work", End=True)}
    machine = {"StartAt": "M", "States": {"M": {**each(work, "W", MaxConcurrency=1), "End": True}}}
    ref = idle_shop.start(machine, {"l": [0, 1, 2, 3]})
    work_off(idle_shop)
    assert again(idle_shop, ref)
    with psycopg.connect(idle_shop.url) as connection:
        rows = connection.execute("select item_index, phase from local_platform.frames order by item_index").fetchall()
    assert rows == [(0, "done"), (1, "enter"), (2, "pending"), (3, "pending"), (None, "children")]
    assert calls == {0: 1, 1: 1}


def test_a_map_whose_items_are_all_done_is_gathered(idle_shop: Shop) -> None:
    calls = counted(idle_shop, "work", set())
    machine = {"StartAt": "M", "States": {"M": {**each({"W": task("Work", End=True)}, "W"), "End": True}}}
    ref = idle_shop.start(machine, {"l": [0, 1]})
    work_off(idle_shop, steps=3)  # the Map and both items
    idle_shop.workflows.stop(ref, cause="by mistake")
    assert again(idle_shop, ref)
    work_off(idle_shop)
    assert idle_shop.look(ref).output == [0, 1]
    assert calls == {0: 1, 1: 1}


def test_an_item_goes_on_at_its_own_failed_state(shop: Shop) -> None:
    bad: set[Any] = {1}
    first, second = counted(shop, "first", set()), counted(shop, "second", bad)
    work = {"A": task("First", Next="B"), "B": task("Second", End=True)}
    ref = shop.start({"StartAt": "M", "States": {"M": {**each(work, "A"), "End": True}}}, {"l": [0, 1]})
    assert shop.wait(ref).error == "ValueError"
    bad.clear()
    assert again(shop, ref)
    assert shop.wait(ref).output == [0, 1]
    assert (first[1], second[1]) == (1, 2)


def test_a_map_in_a_map_goes_on_inside(shop: Shop) -> None:
    bad: set[Any] = {4}
    calls = counted(shop, "work", bad)
    inner = {
        "Type": "Map",
        "MaxConcurrency": 1,
        "ItemProcessor": {"StartAt": "W", "States": {"W": task("Work", End=True)}},
    }
    outer = each({"N": {**inner, "End": True}}, "N", MaxConcurrency=1)
    ref = shop.start({"StartAt": "M", "States": {"M": {**outer, "End": True}}}, {"l": [[1, 2], [3, 4, 5], [6]]})
    assert shop.wait(ref).error == "ValueError"
    bad.clear()
    assert again(shop, ref)
    assert shop.wait(ref).output == [[1, 2], [3, 4, 5], [6]]
    assert calls == {1: 1, 2: 1, 3: 1, 4: 2, 5: 1, 6: 1}


def test_a_caught_map_that_leads_to_a_fail_is_not_run_again(shop: Shop) -> None:
    calls = counted(shop, "work", {1})
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "F"}]
    work = {"W": task("Work", End=True)}
    ref = shop.start(
        {"StartAt": "M", "States": {"M": {**each(work, "W", Catch=catch), "End": True}, **FAIL}}, {"l": [1]}
    )
    assert shop.wait(ref).error == "Failed"
    assert again(shop, ref)
    assert shop.wait(ref).error == "Failed"
    assert calls == {1: 1}


@pytest.mark.parametrize("swept", [True, False])
def test_a_stopped_wait_is_asked_again_under_a_new_token(idle_shop: Shop, swept: bool) -> None:
    seen: list[str] = []
    idle_shop.functions["ask"] = lambda event, _: seen.append(event["token"])
    parameters = {"FunctionName": "${Ask}", "Payload": {"token.$": "$$.Task.Token"}}
    ask = {"Type": "Task", "Resource": CALLBACK, "Parameters": parameters, "End": True}
    ref = idle_shop.start({"StartAt": "A", "States": {"A": ask}})
    work_off(idle_shop)
    idle_shop.workflows.stop(ref, cause="by mistake")
    assert again(idle_shop, ref, swept=swept)
    assert not idle_shop.workflows.succeed(seen[0], {"n": 0})
    work_off(idle_shop)
    assert not idle_shop.workflows.succeed(seen[0], {"n": 1})
    assert idle_shop.workflows.succeed(seen[1], {"n": 2})
    work_off(idle_shop)
    assert idle_shop.look(ref).output == {"n": 2}


def test_the_time_of_a_redriven_execution_begins_again(idle_shop: Shop) -> None:
    wait = {"Type": "Wait", "Seconds": 300, "End": True}
    ref = idle_shop.start({"StartAt": "A", "TimeoutSeconds": 600, "States": {"A": wait}})
    with psycopg.connect(idle_shop.url) as connection:
        connection.execute("update local_platform.executions set deadline = clock_timestamp() - interval '1 day'")
        sweep(connection)
    assert idle_shop.look(ref).status == "TIMED_OUT"
    assert again(idle_shop, ref)
    assert work_off(idle_shop) == 1
    with psycopg.connect(idle_shop.url) as connection:
        sweep(connection)
    assert idle_shop.look(ref).status == "RUNNING"


@pytest.mark.parametrize("swept", [True, False])
@pytest.mark.parametrize("age", ["13 days", "15 days"])
def test_only_an_execution_of_the_last_14_days_is_redriven(idle_shop: Shop, age: str, swept: bool) -> None:
    counted(idle_shop, "work", {1})
    ref = idle_shop.start({"StartAt": "A", "States": {"A": task("Work", End=True)}}, {"k": 1})
    work_off(idle_shop)
    with psycopg.connect(idle_shop.url) as connection:
        connection.execute("update local_platform.executions set ended_at = clock_timestamp() - %s::interval", [age])
    assert again(idle_shop, ref, swept=swept) == (age == "13 days")


def test_nothing_else_is_redriven(shop: Shop) -> None:
    done = shop.start({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    assert shop.wait(done).status == "SUCCEEDED"
    running = shop.start({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60, "End": True}}})
    assert [again(shop, ref) for ref in (done, running, "no:such")] == [False, False, False]
    shop.workflows.stop(running, cause="the test is over")
