"""Scripted functions and answers for one run of a state machine; both engines of a comparison get the same script."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Function = Callable[[Any, int], Any]  # the event and how many calls there were before; returns JSON or raises
Answer = tuple[str, Any]  # ("succeed", output), ("fail", (error, cause)) or ("silence", None)
PATIENCE = 30.0  # seconds after which a run is given up; no test measures how long something took


def results(*outcomes: Any) -> Function:
    """A function that gives these one after the other, the last one for ever; exceptions are raised."""

    def function(_event: Any, calls: int) -> Any:
        outcome = outcomes[min(calls, len(outcomes) - 1)]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return function


@dataclass(frozen=True, kw_only=True)
class Script:
    """One scenario: a definition, its input, what the functions do (by snake_case name) and how tokens are answered."""

    machine: Mapping[str, Any]
    input: Any = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an engine made of a script; `delays` are the seconds that retries asked for, `cause` is JSON where it is."""

    status: str
    output: Any
    error: str | None
    cause: Any
    entered: list[str]
    calls: list[tuple[str, Any]]
    delays: list[float]


class Stage:
    """The functions of a script at work: notes the calls, keeps the tokens to be answered."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.calls: list[tuple[str, Any]] = []
        self.entered: list[str] = []
        self.delays: list[float] = []
        self._counts: Counter[str] = Counter()
        self._tokens: list[str] = []
        self._lock = threading.Lock()

    def call(self, name: str, event: Any) -> Any:
        """Do what the script says for this call."""
        token = token_in(event)
        with self._lock:
            before = self._counts[name]
            self._counts[name] += 1
            self.calls.append((name, json.loads(json.dumps(event))))
        result = self.script.functions.get(name, results({}))(event, before)
        if token is not None:
            with self._lock:
                self._tokens.append(token)
        return result

    def run(self, step: Callable[[], bool], answer: Callable[[str, Answer], None]) -> None:
        """Step until it says that all is over, and answer the tokens of functions that did not fail, as they come."""
        left = list(self.script.answers)
        end = time.monotonic() + PATIENCE
        while not step():
            assert time.monotonic() < end, f"no end; entered {self.entered}, called {[name for name, _ in self.calls]}"
            with self._lock:
                tokens, self._tokens = self._tokens, []
            for token in tokens:
                if left and left[0][0] != "silence":
                    answer(token, left[0])
                left = left[1:]

    def outcome(self, status: str, output: Any, error: str | None, cause: Any) -> Outcome:
        """Everything in the form in which two engines can be compared."""
        return Outcome(
            status=status,
            output=comparable(output),
            error=error,
            cause=comparable({"error": error, "cause": cause})["cause"],
            entered=self.entered,
            calls=[(name, comparable(event)) for name, event in self.calls],
            delays=self.delays,
        )


def token_in(event: Any) -> str | None:
    """The callback token somewhere in an event."""
    if isinstance(event, dict):
        for key, value in event.items():
            found = value if key in ("token", "task_token") else token_in(value)
            if isinstance(found, str):
                return found
    return None


def comparable(value: Any) -> Any:
    """Causes as the JSON they are (engines space it differently); tokens, times and engines' own sentences by kind."""
    if isinstance(value, list):
        return [comparable(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    made = {key: comparable(inner) for key, inner in value.items()}
    for key in ("token", "task_token", "entered"):
        if isinstance(made.get(key), str):
            made[key] = f"<{key}>"
    for name, why in (("Error", "Cause"), ("error", "cause")):
        if why in made:
            engine_s = str(made.get(name)).startswith("States.")
            made[why] = "<the engine's words>" if engine_s else parsed(made[why])
    return made


def parsed(cause: Any) -> Any:
    """A cause as JSON if it is some."""
    try:
        return json.loads(cause)
    except (TypeError, json.JSONDecodeError):
        return cause
