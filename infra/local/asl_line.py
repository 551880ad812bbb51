"""One line of an execution walks from state to state; pure: rows, handlers and clocks are the caller's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.local.asl_choice import choose, is_number, timestamp
from infra.local.asl_data import effective_input, fill, look_up, output, passed_on
from infra.local.asl_definition import CALLBACK, Definition
from infra.local.asl_errors import StateError, catcher, retry_delay
from infra.local.paths import PathError, write_path

NO_TIMEOUT = 99_999_999  # seconds; the service's default for a Task
MOST_INLINE_ITEMS = 40  # items of an inline Map that run at once, the service's limit
INSTANT_STATES = 100  # Pass and Choice states walked before the row is written again


@dataclass(slots=True, kw_only=True)
class Frame:
    """A row of local_platform.frames with the name and input of its execution; `due_in` is seconds from the write.

    `keeps_items` marks a Map that broke the line: its items stay for a redrive.
    """

    frame_id: int
    execution_id: str
    parent_id: int | None
    item_index: int | None
    item_value: Any
    round: int
    maps: int
    state: str
    phase: str
    data: Any
    entered_at: datetime
    attempts: dict[str, int]
    retry_count: int
    token: str | None
    answer: Any
    name: str
    input: Any
    definition_hash: str
    now: datetime
    due_at: datetime | None = None
    due_in: float | None = None
    failure: StateError | None = field(default=None)
    keeps_items: bool = False


class Line:
    """Walks a frame; afterwards its phase, state, data and due time say how it goes on, `failure` why it broke."""

    def __init__(self, definition: Definition, frame: Frame, now: Callable[[], datetime]) -> None:
        self.definition, self.frame, self._now = definition, frame, now

    @property
    def state(self) -> Mapping[str, Any]:
        """The state the line stands at."""
        return self.definition.states[self.frame.state]

    def context(self) -> dict[str, Any]:
        """The context object that `$$` paths read."""
        frame = self.frame
        context: dict[str, Any] = {
            "Execution": {"Name": frame.name, "Input": frame.input},
            "State": {
                "Name": frame.state,
                "RetryCount": frame.retry_count,
                "EnteredTime": frame.entered_at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            },
        }
        if frame.token is not None:
            context["Task"] = {"Token": frame.token}
        if frame.item_index is not None:
            context["Map"] = {"Item": {"Value": frame.item_value, "Index": frame.item_index}}
        return context

    def event(self) -> Any:
        """What the Task's function gets; raises StateError."""
        filled = effective_input(self.state, self.frame.data, self.context())
        return filled["Payload"] if self.state["Resource"] == CALLBACK else filled

    def seconds(self, field_name: str, default: float) -> float:
        """TimeoutSeconds or HeartbeatSeconds, given or at a path; raises StateError States.Runtime for no number."""
        value = self.state.get(field_name, default)
        if f"{field_name}Path" in self.state:
            value = look_up(self.state[f"{field_name}Path"], self.frame.data, self.context())
        if not is_number(value) or value < 0:
            raise StateError("States.Runtime", f"{field_name} is no number of seconds")
        return float(value)

    def items(self) -> tuple[list[Any], list[Any], int]:
        """The Map's item values, the input of each item and how many run at once; raises StateError."""
        context = self.context()
        state = self.state
        chosen = effective_input(state, self.frame.data, context)
        values = look_up(state.get("ItemsPath", "$"), chosen, context)
        limit = state.get("MaxConcurrency", 0)
        if "MaxConcurrencyPath" in state:
            limit = look_up(state["MaxConcurrencyPath"], chosen, context)
        if not isinstance(values, list) or not is_number(limit):
            raise StateError("States.Runtime", "a Map needs a list of items and a number of them to run at once")
        inputs = values
        if "ItemSelector" in state:
            items = [{"Map": {"Item": {"Value": value, "Index": index}}} for index, value in enumerate(values)]
            inputs = [fill(state["ItemSelector"], chosen, {**context, **item}) for item in items]
        return values, inputs, min(int(limit) or MOST_INLINE_ITEMS, MOST_INLINE_ITEMS)

    def walk(self) -> None:
        """Go through the states that take no time, up to the next Task, Map, Wait or the end."""
        for _ in range(INSTANT_STATES):
            kind = self.state["Type"]
            if kind in ("Task", "Map"):
                break
            try:
                if not self._pass_through(kind):
                    return
            except StateError as error:
                self._break(error)
                return
        self._stand("enter", due_in=0)

    def succeed(self, result: Any) -> None:
        """The state has its result; go on."""
        try:
            data = output(self.state, self.frame.data, result, self.context())
        except StateError as error:
            self.fail(error)
            return
        self._leave(data)

    def waited(self) -> None:
        """A Wait is over; go on."""
        try:
            self._leave(passed_on(self.state, self._chosen(), self.context()))
        except StateError as error:
            self._break(error)

    def fail(self, error: StateError) -> None:
        """The state failed: wait for a retry, go to the state that catches it, or break."""
        frame = self.frame
        retry = retry_delay(self.state, error.error, frame.attempts)
        if retry is not None:
            number, delay = retry
            frame.attempts = {**frame.attempts, number: frame.attempts.get(number, 0) + 1}
            frame.retry_count += 1
            self._stand("retry", due_in=delay)
            return
        catch = catcher(self.state, error.error)
        if catch is None:
            self._break(error)
            return
        path = catch.get("ResultPath", "$")
        try:
            data = frame.data if path is None else write_path(frame.data, path, error.output)
        except PathError as missing:
            self._break(StateError("States.ResultPathMatchFailure", str(missing)))
            return
        self._enter(catch["Next"], data)

    def _pass_through(self, kind: str) -> bool:
        """Do one instant state; False when the line stops here."""
        state, data, context = self.state, self.frame.data, self.context()
        if kind == "Pass":
            result = state["Result"] if "Result" in state else effective_input(state, data, context)
            return self._step(output(state, data, result, context), state.get("Next"))
        if kind == "Choice":
            chosen = self._chosen()
            return self._step(passed_on(state, chosen, context), choose(state, chosen))
        if kind == "Succeed":
            return self._step(passed_on(state, self._chosen(), context), None)
        if kind == "Fail":
            raise StateError(state.get("Error", ""), state.get("Cause", ""))
        self._wait()
        return False

    def _wait(self) -> None:
        state, chosen, context = self.state, self._chosen(), self.context()
        if "Seconds" in state or "SecondsPath" in state:
            seconds = look_up(state["SecondsPath"], chosen, context) if "SecondsPath" in state else state["Seconds"]
            if not is_number(seconds):
                raise StateError("States.Runtime", "a Wait needs a number of seconds")
            self._stand("wait", due_in=seconds)
            return
        text = look_up(state["TimestampPath"], chosen, context) if "TimestampPath" in state else state["Timestamp"]
        moment = timestamp(text)
        if moment is None:
            raise StateError("States.Runtime", f"{text!r} is no RFC 3339 time")
        self._stand("wait", due_at=moment)

    def _chosen(self) -> Any:
        return effective_input(self.state, self.frame.data, self.context())

    def _leave(self, data: Any) -> None:
        if self._step(data, self.state.get("Next")):
            self.walk()

    def _enter(self, name: str, data: Any) -> None:
        self._step(data, name)
        self.walk()

    def _step(self, data: Any, name: str | None) -> bool:
        """Enter the named state, or end when there is none; False at the end."""
        frame = self.frame
        frame.data, frame.attempts, frame.retry_count, frame.token = data, {}, 0, None
        if name is None:
            self._stand("done")
            return False
        frame.state, frame.entered_at = name, self._now()
        return True

    def _stand(self, phase: str, *, due_in: float | None = None, due_at: datetime | None = None) -> None:
        self.frame.phase, self.frame.due_in, self.frame.due_at = phase, due_in, due_at

    def _break(self, error: StateError) -> None:
        self.frame.failure = error
        self._stand("done")
