"""Read a state machine file and refuse whatever the local runtime does not run (W4)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.asl_choice import COMPARISONS, timestamp
from infra.local.asl_errors import handling_problems
from infra.local.paths import parse_path

CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
CONTEXT_FIELDS = (
    "$$.Execution.Name",
    "$$.Execution.Input",
    "$$.State.Name",
    "$$.State.RetryCount",
    "$$.State.EnteredTime",
    "$$.Task.Token",
    "$$.Map.Item.Value",
    "$$.Map.Item.Index",
)
_FUNCTION = re.compile(r"\$\{([A-Z][A-Za-z0-9]*)\}")
_IO = {"InputPath", "OutputPath"}
_RESULT = _IO | {"ResultPath", "ResultSelector", "Retry", "Catch"}
_FIELDS = {
    "Pass": _IO | {"Parameters", "Result", "ResultPath"},
    "Task": _RESULT
    | {"Parameters", "Resource", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"},
    "Map": _RESULT | {"ItemsPath", "ItemSelector", "ItemProcessor", "MaxConcurrency", "MaxConcurrencyPath"},
    "Choice": _IO | {"Choices", "Default"},
    "Wait": _IO | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": _IO,
    "Fail": {"Error", "Cause"},
}
_WAITS = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
_MOVES_ON = {"Pass", "Task", "Map", "Wait"}
_PATH_FIELDS = {"InputPath", "OutputPath", "ResultPath", "ItemsPath", "Variable"}
_NUMBERS = {"TimeoutSeconds": 1, "HeartbeatSeconds": 1, "MaxConcurrency": 0, "Seconds": 0}  # with the least allowed
_ALTERNATIVES = ("TimeoutSeconds", "HeartbeatSeconds", "MaxConcurrency")


class InvalidDefinition(ValueError):
    """The file is no state machine of the subset; the message lists every problem found."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A checked machine: all states by name (names are unique over the whole file) and the top-level timeout."""

    start_at: str
    timeout_seconds: int | None
    states: Mapping[str, Mapping[str, Any]]


def read_definition(document: Any) -> Definition:
    """Check the document; raises InvalidDefinition with all problems."""
    problems = list(find_problems(document))
    if problems:
        raise InvalidDefinition("; ".join(problems))
    states = {name: state for scope in scopes(document) for name, state in scope["States"].items()}
    return Definition(document["StartAt"], document.get("TimeoutSeconds"), states)


def scopes(machine: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The machine and, inside out of order, every ItemProcessor in it."""
    yield machine
    for state in machine["States"].values():
        if "ItemProcessor" in state:
            yield from scopes(state["ItemProcessor"])


def function_of(state: Mapping[str, Any]) -> str:
    """Return the snake_case function name of a Task: `${ChunkDocument}` is chunk_document (W5)."""
    resource = state["Resource"]
    text = state["Parameters"]["FunctionName"] if resource == CALLBACK else resource
    match = _FUNCTION.fullmatch(text)
    if match is None:
        raise InvalidDefinition(f"{text!r} names no function")
    return re.sub(r"(?<!^)(?=[A-Z])", "_", match[1]).lower()


def find_problems(document: Any) -> Iterator[str]:
    """Every reason to refuse the document, as sentences that name the state."""
    if not isinstance(document, dict) or not isinstance(document.get("States"), dict):
        yield "a state machine is an object with States"
        return
    yield from _unknown(document, {"Comment", "StartAt", "States", "TimeoutSeconds", "Version"}, "the machine")
    if document.get("Version", "1.0") != "1.0":
        yield "Version is not 1.0"
    yield from _scope_problems(document, set())


def _scope_problems(scope: Mapping[str, Any], seen: set[str]) -> Iterator[str]:
    states = scope.get("States")
    if not isinstance(states, dict) or not states:
        yield "States is empty"
        return
    if scope.get("StartAt") not in states:
        yield f"StartAt names no state: {scope.get('StartAt')!r}"
    targets = {scope.get("StartAt")}
    for name, state in states.items():
        if name in seen:
            yield f"{name}: the name is used twice"
        seen.add(name)
        if not isinstance(state, dict) or state.get("Type") not in _FIELDS:
            yield f"{name}: Type {state.get('Type') if isinstance(state, dict) else state!r} is not in the subset"
            continue
        try:
            nexts = list(_targets(state))
            problems = list(_state_problems(state))
        except (AttributeError, TypeError, KeyError) as error:
            yield f"{name}: a field has the wrong shape ({error})"
            continue
        targets.update(nexts)
        yield from (f"{name}: Next names no state here: {target!r}" for target in nexts if target not in states)
        yield from (f"{name}: {problem}" for problem in problems)
        if isinstance(state.get("ItemProcessor"), dict):
            yield from _processor_problems(name, state["ItemProcessor"], seen)
    yield from (f"{name}: nothing leads here" for name in states if name not in targets)


def _processor_problems(name: str, processor: Mapping[str, Any], seen: set[str]) -> Iterator[str]:
    yield from _unknown(processor, {"ProcessorConfig", "StartAt", "States", "Comment"}, f"{name}.ItemProcessor")
    if processor.get("ProcessorConfig", {"Mode": "INLINE"}) != {"Mode": "INLINE"}:
        yield f"{name}: only inline Maps run here"
    yield from _scope_problems(processor, seen)


def _targets(state: Mapping[str, Any]) -> Iterator[Any]:
    for holder in (state, *state.get("Catch", []), *state.get("Choices", [])):
        if "Next" in holder:
            yield holder["Next"]
    if "Default" in state:
        yield state["Default"]


def _state_problems(state: Mapping[str, Any]) -> Iterator[str]:
    kind = state["Type"]
    ends = {"Next", "End"} if kind in _MOVES_ON else set()
    yield from _unknown(state, _FIELDS[kind] | ends | {"Type", "Comment"}, "the state")
    if kind in _MOVES_ON and ("Next" in state) == (state.get("End") is True):
        yield "needs either Next or End: true"
    for field, least in _NUMBERS.items():
        value = state.get(field, least)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            yield f"{field} is not a whole number of at least {least}"
    for field in _ALTERNATIVES:
        if field in state and f"{field}Path" in state:
            yield f"{field} is given twice"
    yield from _kind_problems(kind, state)
    yield from handling_problems(state)
    yield from _path_problems(state)


def _kind_problems(kind: str, state: Mapping[str, Any]) -> Iterator[str]:
    if kind == "Task":
        yield from _task_problems(state)
    elif kind == "Map" and not isinstance(state.get("ItemProcessor"), dict):
        yield "a Map needs an ItemProcessor"
    elif kind == "Wait":
        if sum(field in state for field in _WAITS) != 1:
            yield f"a Wait needs exactly one of {', '.join(_WAITS)}"
        if "Timestamp" in state and timestamp(state["Timestamp"]) is None:
            yield "Timestamp is not RFC 3339"
    elif kind == "Choice":
        if not state.get("Choices"):
            yield "Choices is empty"
        for rule in state.get("Choices", []):
            if "Next" not in rule:
                yield "a rule has no Next"
            yield from _rule_problems({key: value for key, value in rule.items() if key not in ("Next", "Comment")})


def _task_problems(state: Mapping[str, Any]) -> Iterator[str]:
    resource = state.get("Resource")
    parameters = state.get("Parameters", {})
    if resource == CALLBACK:
        if set(parameters) != {"FunctionName", "Payload"}:
            yield "a callback takes Parameters FunctionName and Payload"
        elif not _FUNCTION.fullmatch(str(parameters["FunctionName"])):
            yield f"FunctionName {parameters['FunctionName']!r} is no substitution"
    elif not isinstance(resource, str) or not _FUNCTION.fullmatch(resource):
        yield f"Resource {resource!r} is not in the subset"
    if resource != CALLBACK and {"HeartbeatSeconds", "HeartbeatSecondsPath"} & set(state):
        yield "only a callback has heartbeats"
    beat, limit = state.get("HeartbeatSeconds"), state.get("TimeoutSeconds")
    if isinstance(beat, int) and isinstance(limit, int) and beat >= limit:
        yield "HeartbeatSeconds is not below TimeoutSeconds"


def _rule_problems(rule: Any) -> Iterator[str]:
    if not isinstance(rule, dict):
        yield f"{rule!r} is no rule"
        return
    for word in ("And", "Or", "Not"):
        if word in rule:
            parts = [rule[word]] if word == "Not" else rule[word]
            for part in parts:
                yield from _rule_problems(part)
            yield from _unknown(rule, {word}, "a rule")
            return
    if "Variable" not in rule or len(set(rule) & COMPARISONS) != 1 or len(rule) != 2:
        yield f"a rule has one Variable and one comparison, not {sorted(rule)}"


def _path_problems(value: Any) -> Iterator[str]:
    """Walk over all fields of one state; nested machines are walked for themselves."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "ItemProcessor":
                continue
            if key.endswith(".$") or key in _PATH_FIELDS or (key.endswith("Path") and key not in ("Result",)):
                yield from _path_problem(key, inner)
            elif key != "Result":
                yield from _path_problems(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _path_problems(inner)


def _path_problem(key: str, path: Any) -> Iterator[str]:
    if path is None and key in ("InputPath", "OutputPath", "ResultPath"):
        return
    try:
        parse_path(path if isinstance(path, str) else "")
    except ValueError as error:
        yield f"{key}: {error}"
        return
    if path.startswith("$$"):
        if not key.endswith(".$"):
            yield f"{key}: the context is only read in payload templates"
        elif not any(path == field or path.startswith((f"{field}.", f"{field}[")) for field in CONTEXT_FIELDS):
            yield f"{key}: {path} is not in the subset"


def _unknown(value: Mapping[str, Any], known: set[str], where: str) -> Iterator[str]:
    for field in sorted(set(value) - known):
        yield f"{where} has a field outside the subset: {field}"
