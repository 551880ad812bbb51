"""Reference paths, payload templates, choice rules, retries: the parts a state is made of."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from infra.local.asl_choice import choose, holds, like
from infra.local.asl_data import PAYLOAD_LIMIT, effective_input, fill, output, through_json
from infra.local.asl_errors import StateError, catcher, handler_error, matches, retry_delay
from infra.local.paths import PathError, parse_path, read_path, write_path
from shared.domain.errors import Retryable

NAMES = some.text(alphabet="abc_", min_size=1, max_size=3)


def test_a_path_names_one_place() -> None:
    assert parse_path("$.plan.ranges[0]['a b']") == ("plan", "ranges", 0, "a b")
    assert read_path({"plan": {"ranges": [{"a b": 7}]}}, "$.plan.ranges[0]['a b']") == 7
    assert read_path([1, 2], "$") == [1, 2]


@pytest.mark.parametrize("path", ["", "a", "$.", "$[*]", "$..a", "$.a[-1]", "$.a[0:1]", "$[?(@.a)]", "$.a b"])
def test_any_other_jsonpath_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_path(path)


@pytest.mark.parametrize(("path", "document"), [("$.a", {}), ("$.a", [1]), ("$[1]", [1]), ("$[0]", {"0": 1})])
def test_a_path_into_nothing_is_an_error(path: str, document: Any) -> None:
    with pytest.raises(PathError):
        read_path(document, path)


def test_writing_makes_objects_and_keeps_the_original() -> None:
    original = {"a": {"b": 1}, "l": [1, 2]}
    assert write_path(original, "$.a.c.d", 2) == {"a": {"b": 1, "c": {"d": 2}}, "l": [1, 2]}
    assert write_path(original, "$.l[1]", 3) == {"a": {"b": 1}, "l": [1, 3]}
    assert original == {"a": {"b": 1}, "l": [1, 2]}
    with pytest.raises(PathError):
        write_path(original, "$.l.x", 1)


@settings(max_examples=50)
@given(some.lists(NAMES, min_size=1, max_size=4), some.integers())
def test_what_was_written_is_read(names: list[str], value: int) -> None:
    path = "$." + ".".join(names)
    assert read_path(write_path({}, path, value), path) == value


def test_a_template_is_filled_from_data_and_context() -> None:
    template = {"a.$": "$.x", "n.$": "$$.State.Name", "l": [{"b.$": "$.x"}, 1], "c": None}
    assert fill(template, {"x": 1}, {"State": {"Name": "S"}}) == {"a": 1, "n": "S", "l": [{"b": 1}, 1], "c": None}


def test_a_missing_parameter_has_its_own_error() -> None:
    with pytest.raises(StateError) as failed:
        fill({"a.$": "$.x"}, {}, {})
    assert failed.value.error == "States.ParameterPathFailure"


def test_null_paths_empty_the_data() -> None:
    assert effective_input({"InputPath": None}, {"x": 1}, {}) == {}
    assert output({"ResultPath": None, "OutputPath": None}, {"x": 1}, {"y": 2}, {}) == {}


def test_the_result_path_joins_the_raw_input() -> None:
    state = {"InputPath": "$.in", "ResultSelector": {"k.$": "$.y"}, "ResultPath": "$.out"}
    assert output(state, {"in": 1}, {"y": 2}, {}) == {"in": 1, "out": {"k": 2}}


def test_a_result_without_a_place_is_an_error() -> None:
    with pytest.raises(StateError) as failed:
        output({"ResultPath": "$.a.b"}, {"a": 1}, 2, {})
    assert failed.value.error == "States.ResultPathMatchFailure"


@pytest.mark.parametrize(("extra", "fits"), [(0, True), (1, False)])
def test_the_payload_limit_counts_bytes(extra: int, fits: bool) -> None:
    text = "价" * ((PAYLOAD_LIMIT - 4) // 3) + "x" * ((PAYLOAD_LIMIT - 4) % 3 + extra + 2)
    assert len(f'"{text}"'.encode()) == PAYLOAD_LIMIT + extra
    if fits:
        assert through_json(text) == text
    else:
        with pytest.raises(StateError):
            through_json(text)


def test_tuples_become_lists_on_the_wire() -> None:
    assert through_json({"a": (1, 2)}) == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("rule", "held"),
    [
        ({"StringEquals": "b"}, True),
        ({"StringLessThan": "a"}, False),
        ({"StringGreaterThanEquals": "b"}, True),
        ({"NumericEquals": 1}, False),
        ({"StringEqualsPath": "$.same"}, True),
        ({"IsString": True}, True),
        ({"IsNumeric": True}, False),
        ({"IsNull": False}, True),
        ({"IsPresent": True}, True),
        ({"StringMatches": "b*"}, True),
        ({"BooleanEquals": True}, False),
    ],
)
def test_a_rule_compares_text(rule: dict[str, Any], held: bool) -> None:
    assert holds({"Variable": "$.v", **rule}, {"v": "b", "same": "b"}) is held


@pytest.mark.parametrize(
    ("rule", "held"),
    [
        ({"NumericEquals": 2}, True),
        ({"NumericLessThanEquals": 2.0}, True),
        ({"NumericGreaterThan": 2}, False),
        ({"NumericLessThanPath": "$.three"}, True),
        ({"BooleanEquals": True}, False),
        ({"IsBoolean": False}, True),
    ],
)
def test_a_rule_compares_numbers(rule: dict[str, Any], held: bool) -> None:
    assert holds({"Variable": "$.v", **rule}, {"v": 2, "three": 3}) is held


def test_true_is_no_number() -> None:
    assert not holds({"Variable": "$.v", "NumericEquals": 1}, {"v": True})
    assert not holds({"Variable": "$.v", "BooleanEquals": True}, {"v": 1})


def test_times_compare_over_zones() -> None:
    rule = {"Variable": "$.t", "TimestampEquals": "2026-01-01T00:00:00Z"}
    assert holds(rule, {"t": "2026-01-01T08:00:00+08:00"})
    assert not holds(rule, {"t": "2026-01-01T08:00:00Z"})
    assert not holds({"Variable": "$.t", "IsTimestamp": True}, {"t": "2026-01-01T08:00:00"})


def test_rules_combine() -> None:
    one = {"Variable": "$.v", "NumericEquals": 1}
    two = {"Variable": "$.v", "NumericEquals": 2}
    assert holds({"Or": [one, two]}, {"v": 2})
    assert not holds({"And": [one, two]}, {"v": 2})
    assert holds({"Not": one}, {"v": 2})


def test_a_missing_variable_is_only_good_for_is_present() -> None:
    assert holds({"Variable": "$.v", "IsPresent": False}, {})
    with pytest.raises(StateError):
        holds({"Variable": "$.v", "IsNull": True}, {})


def test_a_choice_falls_to_its_default() -> None:
    rules = [{"Variable": "$.v", "IsNull": True, "Next": "N"}]
    assert choose({"Choices": rules, "Default": "D"}, {"v": 1}) == "D"
    with pytest.raises(StateError):
        choose({"Choices": rules}, {"v": 1})


@pytest.mark.parametrize(
    ("text", "pattern", "fits"),
    [("a.log", "*.log", True), ("a.logs", "*.log", False), ("a*b", r"a\*b", True), ("axb", r"a\*b", False)],
)
def test_a_star_matches_anything_unless_escaped(text: str, pattern: str, fits: bool) -> None:
    assert like(text, pattern) is fits


@pytest.mark.parametrize(
    ("error", "names", "fits"),
    [
        ("Retryable", ["Retryable"], True),
        ("Retryable", ["Permanent"], False),
        ("Retryable", ["States.TaskFailed"], True),
        ("States.Timeout", ["States.TaskFailed"], False),
        ("States.HeartbeatTimeout", ["States.Timeout"], True),
        ("Anything", ["States.ALL"], True),
        ("States.DataLimitExceeded", ["States.ALL"], False),
        ("States.Runtime", ["States.ALL"], False),
    ],
)
def test_error_names_match(error: str, names: list[str], fits: bool) -> None:
    assert matches(error, names) is fits


def test_delays_double_up_to_their_limit() -> None:
    state = {"Retry": [{"ErrorEquals": ["Retryable"], "BackoffRate": 2.0, "MaxDelaySeconds": 3, "MaxAttempts": 4}]}
    delays = [retry_delay(state, "Retryable", {"0": spent}) for spent in range(5)]
    assert delays == [("0", 1.0), ("0", 2.0), ("0", 3), ("0", 3), None]
    assert retry_delay(state, "Permanent", {}) is None


def test_the_first_matching_catch_is_taken() -> None:
    catches = [{"ErrorEquals": ["States.Timeout"], "Next": "T"}, {"ErrorEquals": ["States.ALL"], "Next": "A"}]
    assert catcher({"Catch": catches}, "States.Timeout") == catches[0]
    assert catcher({"Catch": catches}, "Permanent") == catches[1]
    assert catcher({}, "Permanent") is None


def test_an_error_too_long_for_a_cause_is_cut() -> None:
    error = handler_error(Retryable("DEPENDENCY_TIMEOUT", "x" * 50_000, details={"d": "y" * 50_000}))
    assert error.error == "Retryable"
    assert len(error.cause) < 10_000
