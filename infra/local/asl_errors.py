"""Failed states: error names, what Retry and Catch match, and how long a retry waits."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_MESSAGE = 8000  # characters; the service cuts causes at 32,768
UNCAUGHT_BY_ALL = frozenset({"States.DataLimitExceeded", "States.Runtime"})


class StateError(Exception):
    """A state failed under a name that Retry and Catch can match; `cause` is text, JSON for failed handlers."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause

    @property
    def output(self) -> dict[str, str]:
        """What a Catch puts at its ResultPath."""
        return {"Error": self.error, "Cause": self.cause}


def handler_error(error: BaseException) -> StateError:
    """Name a handler's exception by its class, as Lambda does; a coded error adds code and details to the cause."""
    kind = type(error).__name__
    cause: dict[str, Any] = {"errorMessage": str(error)[:LONGEST_MESSAGE], "errorType": kind}
    code = getattr(error, "code", None)
    if isinstance(code, str):
        cause["code"] = code
        details = getattr(error, "details", {})
        if len(json.dumps(details, default=str)) <= LONGEST_MESSAGE:
            cause["details"] = details
    return StateError(kind, json.dumps(cause, default=str))


def matches(error: str, names: Sequence[str]) -> bool:
    """Tell whether an ErrorEquals list matches; States.ALL leaves out what AWS lets nobody catch."""
    if error in names:
        return True
    if error == "States.HeartbeatTimeout" and "States.Timeout" in names:
        return True
    if "States.ALL" in names:
        return error not in UNCAUGHT_BY_ALL
    return "States.TaskFailed" in names and error != "States.Timeout" and error not in UNCAUGHT_BY_ALL


def retry_delay(state: Mapping[str, Any], error: str, used: Mapping[str, int]) -> tuple[str, float] | None:
    """Return the matching retrier's number and the seconds to wait, or None when nobody retries.

    `used` counts the retries each retrier has spent. The delay is interval x rate^n, at most MaxDelaySeconds (W22).
    """
    for number, retrier in enumerate(state.get("Retry", [])):
        if matches(error, retrier["ErrorEquals"]):
            spent = used.get(str(number), 0)
            if spent >= retrier.get("MaxAttempts", 3):
                return None
            delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** spent
            return str(number), min(delay, retrier.get("MaxDelaySeconds", delay))
    return None


def catcher(state: Mapping[str, Any], error: str) -> Mapping[str, Any] | None:
    """Return the first Catch that matches the error, or None."""
    return next((each for each in state.get("Catch", []) if matches(error, each["ErrorEquals"])), None)
