"""Maps: order, concurrency, failing items, retries of the whole and items inside items."""

import threading
from typing import Any

import psycopg
import pytest

from infra.local.state_machine import StateMachine
from shared.domain.errors import Retryable
from tests.workflow.conftest import Shop, until


def each(states: dict[str, Any], start: str, **fields: Any) -> dict[str, Any]:
    processor = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": start, "States": states}
    return {"Type": "Map", "ItemsPath": "$.l", "ItemProcessor": processor, **fields}


def alone(state: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"StartAt": "M", "States": {"M": {"End": True, **state}, **others}}


WORK = {"W": {"Type": "Task", "Resource": "${Work}", "End": True}}


def test_outputs_stand_in_the_order_of_the_items(shop: Shop) -> None:
    shop.functions["work"] = lambda event, _: event
    selector = {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "k.$": "$.k"}
    found = shop.output(
        alone(each(WORK, "W", ItemSelector=selector, ResultPath="$.out")), {"l": ["a", "b", "c"], "k": 1}
    )
    assert found["out"] == [{"v": value, "i": index, "k": 1} for index, value in enumerate("abc")]
    assert found["l"] == ["a", "b", "c"]


def test_a_state_inside_reads_its_item_from_the_context(shop: Shop) -> None:
    states = {"P": {"Type": "Pass", "Parameters": {"i.$": "$$.Map.Item.Index"}, "End": True}}
    assert shop.output(alone(each(states, "P")), {"l": ["a", "b"]}) == [{"i": 0}, {"i": 1}]


def test_no_items_give_an_empty_list(shop: Shop) -> None:
    assert shop.output(alone(each(WORK, "W")), {"l": []}) == []


def test_items_that_are_no_list_fail(shop: Shop) -> None:
    assert shop.run(alone(each(WORK, "W")), {"l": 3}).error == "States.Runtime"


@pytest.mark.parametrize("fields", [{"MaxConcurrency": 2}, {"MaxConcurrencyPath": "$.n"}])
def test_no_more_items_run_at_once_than_allowed(shop: Shop, fields: dict[str, Any]) -> None:
    lock = threading.Lock()
    running, most, together = [0], [0], threading.Barrier(2, timeout=20)

    def work(event: Any, _context: Any) -> Any:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait()
        with lock:
            running[0] -= 1
        return event

    shop.functions["work"] = work
    assert shop.output(alone(each(WORK, "W", **fields)), {"l": [1, 2, 3, 4, 5, 6], "n": 2}) == [1, 2, 3, 4, 5, 6]
    assert most[0] == 2


def test_a_failed_item_fails_the_map_and_is_caught_there(shop: Shop) -> None:
    def work(event: Any, _context: Any) -> Any:
        if event == 2:
            raise ValueError("two")
        return event

    shop.functions["work"] = work
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "H"}]
    found = shop.output(alone(each(WORK, "W", Catch=catch), H={"Type": "Pass", "End": True}), {"l": [1, 2, 3]})
    assert found["failure"]["Error"] == "ValueError"


def test_an_item_that_ends_after_its_map_went_on_changes_nothing(shop: Shop) -> None:
    started, release, late = threading.Event(), threading.Event(), threading.Event()

    def work(event: Any, _context: Any) -> Any:
        if event == 1:
            started.set()
            assert release.wait(20)
            late.set()
            return "late"
        assert started.wait(20)
        raise ValueError("two")

    shop.functions["work"] = work
    shop.functions["after"] = lambda event, _: event
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "H"}]
    after = {"Type": "Task", "Resource": "${After}", "End": True}
    ref = shop.start(alone(each(WORK, "W", Catch=catch), H=after), {"l": [1, 2]})
    ended = shop.wait(ref)
    release.set()
    assert late.wait(20)
    assert ended.output["failure"]["Error"] == "ValueError"
    assert until(lambda: True if rows(shop) == 0 else None)
    assert shop.look(ref) == ended


@pytest.mark.usefixtures("no_pauses")
def test_a_map_is_retried_as_a_whole(shop: Shop) -> None:
    calls: list[Any] = []

    def work(event: Any, _context: Any) -> Any:
        calls.append(event)
        if calls.count(2) == 1 and event == 2:
            raise Retryable("DEPENDENCY_TIMEOUT")
        return event * 10

    shop.functions["work"] = work
    retry = [{"ErrorEquals": ["Retryable"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    assert shop.output(alone(each(WORK, "W", Retry=retry, MaxConcurrency=1)), {"l": [1, 2, 3]}) == [10, 20, 30]
    assert calls == [1, 2, 1, 2, 3]


@pytest.mark.usefixtures("no_pauses")
def test_an_item_retries_for_itself(shop: Shop) -> None:
    calls: list[Any] = []

    def work(event: Any, _context: Any) -> Any:
        calls.append(event)
        if calls.count(2) == 1 and event == 2:
            raise Retryable("DEPENDENCY_TIMEOUT")
        return event

    shop.functions["work"] = work
    retry = [{"ErrorEquals": ["Retryable"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    states = {"W": {**WORK["W"], "Retry": retry}}
    assert shop.output(alone(each(states, "W")), {"l": [1, 2, 3]}) == [1, 2, 3]
    assert sorted(calls) == [1, 2, 2, 3]


def test_a_map_stands_inside_a_map(shop: Shop) -> None:
    shop.functions["work"] = lambda event, _: event + 1
    inner = {"Type": "Map", "ItemProcessor": {"StartAt": "W", "States": WORK}, "End": True}
    assert shop.output(alone(each({"N": inner}, "N")), {"l": [[1, 2], [], [3]]}) == [[2, 3], [], [4]]


def test_a_loop_inside_an_item_ends(shop: Shop) -> None:
    shop.functions["work"] = lambda event, _: {"round": event["round"] + 1, "more": event["round"] < 2}
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.more", "BooleanEquals": True, "Next": "W"}], "Default": "E"}
    states = {
        "S": {"Type": "Pass", "Result": {"round": 0}, "Next": "W"},
        "W": {"Type": "Task", "Resource": "${Work}", "Next": "C"},
        "C": choice,
        "E": {"Type": "Succeed"},
    }
    assert shop.output(alone(each(states, "S")), {"l": [1, 2]}) == [{"round": 3, "more": False}] * 2


def test_a_half_done_map_continues_with_the_items_not_done(idle_shop: Shop) -> None:
    calls: list[Any] = []

    def work(event: Any, _context: Any) -> Any:
        calls.append(event)
        return event

    idle_shop.functions["work"] = work
    ref = idle_shop.start(alone(each(WORK, "W", MaxConcurrency=1)), {"l": [1, 2, 3]})
    with psycopg.connect(idle_shop.url, autocommit=True) as connection:
        first = StateMachine(idle_shop.resolve)
        for _ in range(3):  # the Map, then two items
            assert first.run_next(connection)
    assert calls == [1, 2]
    with psycopg.connect(idle_shop.url, autocommit=True) as connection:
        second = StateMachine(idle_shop.resolve)
        while second.run_next(connection):
            pass
    assert calls == [1, 2, 3]
    assert idle_shop.look(ref).output == [1, 2, 3]


def rows(shop: Shop) -> int:
    with psycopg.connect(shop.url) as connection:
        found = connection.execute("select count(*) from local_platform.frames").fetchone()
    assert found is not None
    return int(found[0])
