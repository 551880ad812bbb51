"""Small machines over the whole subset (W4), each with an input, scripted functions and answers."""

import threading
from collections.abc import Mapping
from typing import Any

from infra.local.asl_definition import CALLBACK
from shared.domain.errors import Permanent, Retryable
from tests.workflow.machine_stubs import Answer, Function, Script, results

LATER = Retryable("DEPENDENCY_TIMEOUT", "later")
NEVER = Permanent("DOC_PARSE_ENCRYPTED", "never")
CASES: dict[str, Script] = {}


def task(function: str = "Work", **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"${{{function}}}", **fields}


def ask(**fields: Any) -> dict[str, Any]:
    payload = {"token.$": "$$.Task.Token", "state.$": "$$.State.Name"}
    return {
        "Type": "Task",
        "Resource": CALLBACK,
        "Parameters": {"FunctionName": "${Ask}", "Payload": payload},
        **fields,
    }


def each(states: Mapping[str, Any], start: str, **fields: Any) -> dict[str, Any]:
    processor = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": start, "States": states}
    return {"Type": "Map", "ItemsPath": "$.l", "MaxConcurrency": 1, "ItemProcessor": processor, **fields}


def retry(*errors: str, **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": list(errors), **fields}


def catch(*errors: str, to: str = "H", path: str | None = "$.failure") -> dict[str, Any]:
    return {"ErrorEquals": list(errors), "ResultPath": path, "Next": to}


def case(
    name: str,
    states: dict[str, Any],
    data: Any = None,
    answers: tuple[Answer, ...] = (),
    top: Mapping[str, Any] | None = None,
    **functions: Function,
) -> None:
    """Add a case; the first state starts, a state that names no successor ends, H stands where a Catch leads to it."""
    for state in states.values():
        if state["Type"] not in ("Choice", "Succeed", "Fail") and "Next" not in state:
            state["End"] = True
    if any(found["Next"] == "H" for state in states.values() for found in state.get("Catch", [])) and "H" not in states:
        states["H"] = {"Type": "Pass", "End": True}
    machine = {"StartAt": next(iter(states)), "States": states, **(top or {})}
    CASES[name] = Script(machine=machine, input=data or {}, functions=functions, answers=answers)


def choice(*rules: dict[str, Any], default: str | None = "N") -> dict[str, Any]:
    """A Choice whose rules lead to Y and whose default leads to N."""
    made = {"Type": "Choice", "Choices": [{**rule, "Next": "Y"} for rule in rules]}
    ends = {name: {"Type": "Pass", "Result": name} for name in ("Y", *([default] if default else []))}
    return {"C": {**made, **({"Default": default} if default else {})}, **ends}


def decided(name: str, rule: dict[str, Any], data: list[Any]) -> None:
    """A case of one Choice over many inputs."""
    states = choice(rule)
    for end in ("Y", "N"):
        states[end]["End"] = True
    case(name, {"M": each(states, "C")}, {"l": data})


def data_flow() -> None:
    """Paths and templates."""
    template = {"a.$": "$.x", "b": 1, "c": [{"d.$": "$.o.k"}], "e": {"f.$": "$.l[1]"}, "n": None}
    data = {"x": 5, "o": {"k": "v", "a key": [1]}, "l": [1, 2, {"m": True}], "t": "价格 \u2028 \"'\\ 😀"}
    case("a template is filled", {"A": {"Type": "Pass", "Parameters": template, "ResultPath": "$.r"}}, data)
    case("everything passes as it is", {"A": {"Type": "Pass"}}, data)
    case("a fixed result", {"A": {"Type": "Pass", "Result": {"k": [1, 2.5, None, "x"]}, "ResultPath": "$.r.s"}}, data)
    case("no result", {"A": {"Type": "Pass", "Result": 1, "ResultPath": None}}, data)
    case("a result over a result", {"A": {"Type": "Pass", "Result": 1, "ResultPath": "$.o.k"}}, data)
    case("a part in, a part out", {"A": {"Type": "Pass", "InputPath": "$.o", "OutputPath": "$.k"}}, data)
    case("nothing in", {"A": {"Type": "Pass", "InputPath": None, "ResultPath": "$.r"}}, data)
    case("nothing out", {"A": {"Type": "Pass", "OutputPath": None}}, data)
    case("a quoted name", {"A": {"Type": "Pass", "Parameters": {"q.$": "$.o['a key'][0]"}}}, data)
    case("a list in a list", {"A": {"Type": "Pass", "Parameters": {"q.$": "$.l[2].m"}}}, data)
    case(
        "a function's result is selected and placed",
        {
            "A": task(
                Parameters={"n.$": "$.x"}, ResultSelector={"t.$": "$.twice"}, ResultPath="$.got", OutputPath="$.got"
            )
        },
        data,
        work=lambda event, _: {"twice": event["n"] * 2, "noise": [1]},
    )
    for label, value in {"null": None, "text": "x", "number": 1.5, "list": [1, []], "flag": False}.items():
        case(f"a function returns {label}", {"A": task(ResultPath="$.r")}, data, work=results(value))
    case("a missing parameter", {"A": task(Parameters={"a.$": "$.nowhere"}, Catch=[catch("States.ALL")])}, {"x": 5})
    case("a missing input path", {"A": task(InputPath="$.nowhere", Catch=[catch("States.ALL")])}, {"x": 5})
    case(
        "a missing part of a result", {"A": task(ResultSelector={"a.$": "$.b"}, Catch=[catch("States.ALL")])}, {"x": 5}
    )
    case("a missing output path", {"A": task(OutputPath="$.nowhere", Catch=[catch("States.ALL")])}, {"x": 5})
    case("a result without a place", {"A": task(ResultPath="$.x.y", Catch=[catch("States.ALL")])}, {"x": 5})
    context = {name: f"$$.{path}" for name, path in CONTEXT.items()}
    filled = {f"{name}.$": path for name, path in context.items()}
    case("the context", {"A": {"Type": "Pass", "Next": "B"}, "B": task(Parameters=filled, ResultPath="$.r")}, data)


_MORNING, _NOON = "2026-01-01T06:00:00Z", "2026-01-01T12:00:00Z"
VALUES: list[Any] = [None, True, False, 1, "true", 1.5, [1], {}, "2026-01-01T00:00:00Z"]
PAIRS: Mapping[str, list[tuple[Any, Any]]] = {
    "Numeric": [(1, 2), (2, 2), (3, 2), (2, 2.0), ("1", "2"), (True, 1), (None, 1)],
    "String": [("a", "m"), ("m", "m"), ("z", "m"), ("M", "m"), (1, "1"), ("é", "z"), ("", "a")],
    "Timestamp": [
        (_MORNING, _NOON),
        (_NOON, _NOON),
        (_NOON, _MORNING),
    ],
}
CONTEXT = {
    "execution": "Execution.Name",
    "input": "Execution.Input.o",
    "state": "State.Name",
    "retries": "State.RetryCount",
    "entered": "State.EnteredTime",
}


def choices() -> None:
    """Every kind of comparison, both ways."""
    both = {"And": [{"Variable": "$.a", "IsPresent": True}, {"Variable": "$.a", "NumericGreaterThan": 5}]}
    rule = {"And": [*both["And"], {"Not": {"Variable": "$.b", "StringMatches": "x*"}}]}
    decided("and, not, present", rule, [{"a": 6, "b": "y"}, {"a": 6, "b": "xy"}, {"b": "1"}, {"a": "6", "b": "y"}])
    either = {"Or": [{"Variable": "$.a", "IsNull": True}, {"Variable": "$.a", "BooleanEquals": True}]}
    decided("or, null, boolean", either, [{"a": value} for value in VALUES[:5]])
    for kind, pairs in PAIRS.items():
        for sign in ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"):
            data = [{"a": left, "b": right} for left, right in pairs]
            decided(f"{kind}{sign}Path", {"Variable": "$.a", f"{kind}{sign}Path": "$.b"}, data)
            fixed = {"Variable": "$.a", f"{kind}{sign}": pairs[0][1]}
            decided(f"{kind}{sign}", fixed, [{"a": pair[0]} for pair in pairs])
    for kind in ("IsNull", "IsString", "IsNumeric", "IsBoolean", "IsTimestamp", "IsPresent"):
        for wanted in (True, False):
            data = [{"a": value} for value in VALUES]
            decided(f"{kind} {wanted}", {"Variable": "$.a", kind: wanted}, data)
    for pattern in ("x*z", "*", "x*", "a*b*c", "*z"):
        data = [{"a": text} for text in ("x*z", "xz", "xyz", "abc", "a1b2c3", "", "x\nz")]
        decided(f"texts like {pattern}", {"Variable": "$.a", "StringMatches": pattern}, data)
    case("texts like x\\*z", choice({"Variable": "$.a", "StringMatches": "x\\*z"}), {"a": "x*z"})
    case(
        "a time in another zone",
        choice({"Variable": "$.a", "TimestampEquals": _NOON}),
        {"a": _NOON[:11] + "14:00:00+02:00"},
    )
    case("a text that is no time", choice({"Variable": "$.a", "TimestampEquals": _NOON}), {"a": "x"})
    case("no rule holds", choice({"Variable": "$.a", "NumericEquals": 1}, default=None), {"a": 2})
    case("a missing variable", choice({"Variable": "$.nowhere", "NumericEquals": 1}), {"a": 2})
    more = {"Type": "Choice", "Choices": [{"Variable": "$.w.more", "BooleanEquals": True, "Next": "W"}], "Default": "E"}
    case(
        "a loop while there is more",
        {"W": task(ResultPath="$.w", Next="M"), "M": more, "E": {"Type": "Succeed", "OutputPath": "$.w"}},
        work=results({"more": True, "round": 1}, {"more": True, "round": 2}, {"more": False, "round": 3}),
    )


def failures() -> None:
    """Retry, Catch, Fail."""
    bounded = retry("Retryable", IntervalSeconds=2, BackoffRate=3.0, MaxDelaySeconds=10, MaxAttempts=4)
    count = {"n.$": "$$.State.RetryCount"}
    case(
        "retried and works",
        {"A": task(Parameters=count, Retry=[bounded])},
        work=results(LATER, LATER, LATER, {"ok": 1}),
    )
    case("retried in vain", {"A": task(Retry=[bounded])}, work=results(LATER))
    case("retried in vain and caught", {"A": task(Retry=[bounded], Catch=[catch("Retryable")])}, work=results(LATER))
    case("retried by default numbers", {"A": task(Retry=[retry("States.ALL")])}, work=results(LATER))
    case("never retried", {"A": task(Retry=[retry("Retryable", MaxAttempts=0)])}, work=results(LATER))
    case("another name is not retried", {"A": task(Retry=[bounded])}, work=results(NEVER))
    case("any failed task is retried", {"A": task(Retry=[retry("States.TaskFailed")])}, work=results(LATER, NEVER, 1))
    two = [retry("Retryable", MaxAttempts=2), retry("ValueError", MaxAttempts=1, IntervalSeconds=7)]
    case(
        "each retrier counts for itself", {"A": task(Retry=two)}, work=results(LATER, ValueError("x"), LATER, {"ok": 1})
    )
    case("a retrier is used up", {"A": task(Retry=two)}, work=results(LATER, ValueError("x"), ValueError("x")))
    case("a bug", {"A": task()}, work=results(ZeroDivisionError("by zero")))
    case("caught", {"A": task(Catch=[catch("States.ALL")])}, {"x": 1}, work=results(NEVER))
    case("caught in place of all", {"A": task(Catch=[catch("States.ALL", path="$")])}, {"x": 1}, work=results(NEVER))
    case("caught without a trace", {"A": task(Catch=[catch("States.ALL", path=None)])}, {"x": 1}, work=results(NEVER))
    lists = [catch("Retryable", "ValueError"), catch("Permanent", path="$.second"), catch("States.ALL", path="$.third")]
    for name, error in {"first": ValueError("v"), "second": NEVER, "third": KeyError("k")}.items():
        case(f"the {name} catch", {"A": task(Catch=lists)}, {"x": 1}, work=results(error))
    case("no catch fits", {"A": task(Catch=[catch("Retryable")])}, {"x": 1}, work=results(NEVER))
    fail = {"Type": "Fail", "Error": "JobFailed", "Cause": "The failure is recorded"}
    case("a Fail", {"A": {"Type": "Pass", "Next": "F"}, "F": fail})
    case("a Fail without words", {"F": {"Type": "Fail"}})
    recorded = {
        "A": task(Catch=[catch("States.ALL", to="R")]),
        "R": task("Record", ResultPath="$.recorded", Next="F"),
        "F": fail,
    }
    case("recorded, then failed", recorded, {"x": 1}, work=results(NEVER))
    slow: dict[str, Any] = {
        "A": {"Type": "Wait", "Seconds": 1, "Next": "B"},
        "B": {"Type": "Wait", "SecondsPath": "$.s", "Next": "C"},
    }
    slow["C"] = {"Type": "Wait", "Timestamp": "2020-01-01T00:00:00Z", "Next": "D"}
    slow["D"] = {"Type": "Wait", "TimestampPath": "$.t"}
    case("all waits", slow, {"s": 0, "t": "2020-01-01T00:00:00Z"})
    case("the execution's own time is over", {"A": {"Type": "Wait", "Seconds": 30}}, top={"TimeoutSeconds": 1})


def maps() -> None:
    """Maps: order, selection, failures, loops and Maps inside."""
    work = {"W": task(End=True)}
    data = {"l": ["a", "b", "c"], "k": 1, "n": 2}
    selector = {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "k.$": "$.k"}
    echo: Function = lambda event, _: event  # noqa: E731
    case("each item", {"M": each(work, "W")}, data, work=echo)
    case("each item, selected", {"M": each(work, "W", ItemSelector=selector, ResultPath="$.out")}, data, work=echo)
    parts = {"all.$": "$"}
    case("each item, its outputs selected", {"M": each(work, "W", ResultSelector=parts)}, data, work=echo)
    case("each item, outputs dropped", {"M": each(work, "W", ResultPath=None)}, data, work=echo)
    case("no items", {"M": each(work, "W")}, {"l": []}, work=echo)
    case("items that are no list", {"M": each(work, "W", Catch=[catch("States.ALL")])}, {"l": 3}, work=echo)
    inner = {"P": {"Type": "Pass", "Parameters": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}, "End": True}}
    case("items read the context", {"M": each(inner, "P")}, data)
    limited = each(work, "W", MaxConcurrencyPath="$.n")
    del limited["MaxConcurrency"]
    case("as many at once as the input says", {"M": limited}, {**data, "n": 1}, work=echo)
    second: Function = lambda event, calls: results(NEVER)(event, calls) if event == "b" else event  # noqa: E731
    case("an item fails", {"M": each(work, "W")}, data, work=second)
    case("an item fails and is caught", {"M": each(work, "W", Catch=[catch("States.ALL")])}, data, work=second)
    own = {"W": task(Catch=[{**catch("Permanent"), "Next": "H2"}], End=True), "H2": {"Type": "Pass", "End": True}}
    objects = {"l": [{"v": value} for value in "abc"]}
    deep: Function = lambda event, calls: second(event["v"], calls)  # noqa: E731
    case("an item catches for itself", {"M": each(own, "W")}, objects, work=deep)
    again = {"W": task(Retry=[retry("Retryable", MaxAttempts=1)], End=True)}
    case("an item retries for itself", {"M": each(again, "W")}, data, work=results("A", LATER, "B", "C"))
    whole = each(work, "W", Retry=[retry("Retryable", MaxAttempts=1)])
    case("a Map is retried as a whole", {"M": whole}, data, work=results("A", LATER, "B", "C", "D"))
    nested = {"N": {**each(work, "W"), "ItemsPath": "$", "End": True}}
    case("a Map in a Map", {"M": each(nested, "N")}, {"l": [[1, 2], [], [3]]}, work=echo)
    more = {"Type": "Choice", "Choices": [{"Variable": "$.more", "BooleanEquals": True, "Next": "W"}], "Default": "E"}
    loop = {
        "S": {"Type": "Pass", "Result": {"round": 0}, "Next": "W"},
        "W": task(Next="C"),
        "C": more,
        "E": {"Type": "Succeed"},
    }
    rounds: Function = lambda event, _: {"round": event["round"] + 1, "more": event["round"] < 2}  # noqa: E731
    case("a loop in each item", {"M": each(loop, "S")}, {"l": [1, 2]}, work=rounds)


def waits_for_people() -> None:
    """Callback tokens."""
    yes: Answer = ("succeed", {"decision": "approve"})
    no: Answer = ("fail", ("Rejected", "no"))
    silence: Answer = ("silence", None)
    caught = [catch("States.Timeout", "States.HeartbeatTimeout", to="T"), catch("States.ALL")]
    ends = {"T": {"Type": "Pass", "End": True}}
    case("answered", {"A": ask(ResultPath="$.review", TimeoutSeconds=60)}, {"x": 1}, (yes,))
    case("answered with beats", {"A": ask(HeartbeatSeconds=30, TimeoutSeconds=60)}, {"x": 1}, (yes,))
    case("refused", {"A": ask(TimeoutSeconds=60)}, {"x": 1}, (no,))
    case("refused and caught", {"A": ask(Catch=caught, TimeoutSeconds=60), **ends}, {"x": 1}, (no,))
    case("nobody answers", {"A": ask(TimeoutSecondsPath="$.s")}, {"s": 1}, (silence,))
    case("nobody answers, caught", {"A": ask(Catch=caught, TimeoutSecondsPath="$.s"), **ends}, {"s": 1}, (silence,))
    first = [catch("States.TaskFailed", path=None), catch("States.Timeout", to="T")]
    case("a timeout is no failed task", {"A": ask(Catch=first, TimeoutSecondsPath="$.s"), **ends}, {"s": 1}, (silence,))
    slow: Function = lambda event, _: threading.Event().wait(2)  # noqa: E731
    case("too slow a function", {"A": task(Catch=first, TimeoutSeconds=1), **ends}, {"s": 1}, work=slow)
    case("no beat", {"A": ask(HeartbeatSeconds=1, TimeoutSeconds=60)}, {"x": 1}, (silence,))
    case("no beat, caught", {"A": ask(Catch=caught, HeartbeatSeconds=1, TimeoutSeconds=60), **ends}, {}, (silence,))
    case("asking fails", {"A": ask(TimeoutSeconds=600)}, {"x": 1}, ask=results(NEVER))
    case(
        "asking fails and is caught", {"A": ask(Catch=caught, TimeoutSeconds=600), **ends}, {"x": 1}, ask=results(NEVER)
    )
    again = ask(Retry=[retry("Retryable")], TimeoutSeconds=60)
    case("asked again", {"A": again}, {"x": 1}, (yes,), ask=results(LATER, None))
    states = {"A": {**ask(TimeoutSeconds=60), "End": True}}
    number: list[Answer] = [("succeed", {"n": value}) for value in "abc"]
    case("each item is asked", {"M": each(states, "A")}, {"l": [1, 2, 3]}, tuple(number))


for add in (data_flow, choices, failures, maps, waits_for_people):
    add()
