"""Lint of the state machine files: the subset, and what every Task owes (W3, W4, W5, W22). `make check` runs it."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.local.asl_definition import CALLBACK, find_problems, function_of, scopes
from shared.domain.retries import STEP_ERRORS, STEP_RETRIES

FOLDER = Path(__file__).parents[2] / "statemachines"
RECORDER = "RecordFailure"
TIMEOUTS = ["States.Timeout", "States.HeartbeatTimeout"]
RETRIED = [*STEP_ERRORS]
_STEPS = {"IntervalSeconds": 1, "BackoffRate": 2.0, "MaxDelaySeconds": 30}
PROFILES: Mapping[str, Mapping[str, Any]] = {
    "job": {"ErrorEquals": RETRIED, **_STEPS, "MaxAttempts": STEP_RETRIES},
    "job of a wait": {
        "ErrorEquals": [name for name in RETRIED if name not in TIMEOUTS],
        **_STEPS,
        "MaxAttempts": STEP_RETRIES,
    },
    "job of the recorder": {"ErrorEquals": RETRIED, **_STEPS, "MaxAttempts": 10},
}


def lint(document: Any) -> list[str]:
    """Every rule the machine breaks, as sentences that name the state."""
    problems = list(find_problems(document))
    if problems:
        return problems
    if "TimeoutSeconds" not in document:
        problems.append("the machine has no TimeoutSeconds")
    inner = {
        name
        for scope in scopes(document)
        for state in scope["States"].values()
        if "ItemProcessor" in state and _caught(state)
        for nested in scopes(state["ItemProcessor"])
        for name in nested["States"]
    }
    for scope in scopes(document):
        for name, state in scope["States"].items():
            problems += [f"{name}: {problem}" for problem in _state_problems(name, state, covered=name in inner)]
    return problems


def _state_problems(name: str, state: Mapping[str, Any], *, covered: bool) -> Iterator[str]:
    """`covered` states stand in a Map that catches everything for them."""
    kind = state["Type"]
    if kind == "Map" and not covered and not _caught(state):
        yield f"no Catch of States.ALL that leads to {RECORDER}"
    if kind != "Task":
        return
    if "TimeoutSeconds" not in state and "TimeoutSecondsPath" not in state:
        yield "no TimeoutSeconds"
    if not covered and name != RECORDER and not _caught(state):
        yield f"no Catch of States.ALL that leads to {RECORDER}"
    function = "".join(word.title() for word in function_of(state).split("_"))
    if not name.startswith(function):
        yield f"is not named after its function {function}"
    waits = state["Resource"] == CALLBACK
    profile = "job of a wait" if waits else "job of the recorder" if name == RECORDER else "job"
    if state.get("Retry", [])[-1:] != [PROFILES[profile]]:
        yield f"Retry does not end with the profile {profile!r}"
    if any("States.ALL" in retrier["ErrorEquals"] for retrier in state.get("Retry", [])):
        yield "Retry names States.ALL"


def _caught(state: Mapping[str, Any]) -> bool:
    return any("States.ALL" in catch["ErrorEquals"] and catch["Next"] == RECORDER for catch in state.get("Catch", []))


def main() -> int:
    """Print what is wrong with the files of statemachines/; 1 when anything is."""
    found = 0
    paths = sorted(FOLDER.glob("*.asl.json"))
    for path in paths:
        for problem in lint(json.loads(path.read_text(encoding="utf-8"))):
            print(f"{path.name}: {problem}")
            found += 1
    print(f"{len(paths)} state machines, {found} problems")
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
