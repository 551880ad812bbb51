"""Probes of the spike on limits and refusals: sizes, many items, bad definitions, missing functions."""

from typing import Any

import pytest

from shared.domain.errors import Permanent
from tests.workflow.conftest import Shop

KIB = 1024
CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "H"}]
PASS = {"Type": "Pass", "End": True}
GOOD = {"StartAt": "A", "States": {"A": PASS}}
WORK = {"Type": "Task", "Resource": "${Work}"}


def caught(state: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {**state, "Catch": CATCH, "End": True}, "H": PASS}}


def each(state: dict[str, Any], **fields: Any) -> dict[str, Any]:
    processor = {"StartAt": "I", "States": {"I": {**state, "End": True}}}
    return {"Type": "Map", "ItemsPath": "$.l", "ItemProcessor": processor, **fields}


def test_outputs_of_items_that_fit_alone_and_not_together_end_the_execution(shop: Shop) -> None:
    shop.functions["work"] = lambda _event, _context: "x" * 60 * KIB
    assert shop.run(caught(each(WORK)), {"l": [1, 2, 3, 4]}).error is None
    ended = shop.run(caught(each(WORK)), {"l": [1, 2, 3, 4, 5]})
    assert (ended.status, ended.error) == ("FAILED", "States.DataLimitExceeded")


def test_data_that_grows_past_the_limit_in_a_pass_ends_the_execution(shop: Shop) -> None:
    twice = {"Type": "Pass", "Parameters": {"a.$": "$.t", "b.$": "$.t"}, "End": True}
    ended = shop.run({"StartAt": "A", "States": {"A": twice}}, {"t": "x" * 150 * KIB})
    assert (ended.status, ended.error) == ("FAILED", "States.DataLimitExceeded")


def test_an_event_above_the_limit_calls_no_function(shop: Shop) -> None:
    calls: list[Any] = []
    shop.functions["work"] = lambda event, _: calls.append(event)
    ended = shop.run(caught({**WORK, "Parameters": {"a.$": "$.t", "b.$": "$.t"}}), {"t": "x" * 150 * KIB})
    assert (ended.status, ended.error) == ("FAILED", "States.DataLimitExceeded")
    assert calls == []


def test_an_input_above_the_limit_starts_nothing(idle_shop: Shop) -> None:
    with pytest.raises(Permanent) as refused:
        idle_shop.start(GOOD, {"t": "x" * 256 * KIB})
    assert refused.value.code == "WF_PAYLOAD_TOO_LARGE"


def test_three_hundred_items_come_back_in_order(shop: Shop) -> None:
    shop.functions["work"] = lambda event, _: event
    items = list(range(300))
    found = shop.output({"StartAt": "A", "States": {"A": {**each(WORK, MaxConcurrency=8), "End": True}}}, {"l": items})
    assert found == items


@pytest.mark.parametrize(
    "bad",
    [
        {"StartAt": "Z", "States": {"A": PASS}},
        {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Nope"}}},
        {"StartAt": "A", "States": {"A": {"Type": "Pass"}}},
        {"StartAt": "A", "States": {"A": {"Type": "Bogus", "End": True}}},
        {"StartAt": "A", "States": {"A": {"Type": "Task", "End": True}}},
    ],
)
def test_an_invalid_definition_fails_and_spoils_no_later_one(shop: Shop, bad: dict[str, Any]) -> None:
    assert shop.output(GOOD, {"x": 1}) == {"x": 1}
    ended = shop.run(bad)
    assert (ended.status, ended.error) == ("FAILED", "States.Runtime")
    assert shop.output({**GOOD, "Comment": "a later one"}, {"x": 2}) == {"x": 2}


def test_a_missing_function_is_named_as_lambda_names_it(shop: Shop) -> None:
    ended = shop.run(caught({"Type": "Task", "Resource": "${NoSuchFunction}"}))
    assert ended.output["Error"] == "Lambda.ResourceNotFoundException"


def test_a_function_that_cannot_be_imported_is_named_as_lambda_names_it(shop: Shop) -> None:
    def resolve(_name: str) -> Any:
        raise ImportError("no module named numpy")

    shop.functions = Resolver(resolve)
    assert shop.run(caught(WORK)).output["Error"] == "Runtime.ImportModuleError"


class Resolver(dict[str, Any]):
    """Functions that are resolved by a call."""

    def __init__(self, resolve: Any) -> None:
        super().__init__()
        self._resolve = resolve

    def __missing__(self, name: str) -> Any:
        return self._resolve(name)
