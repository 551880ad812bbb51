"""Failed states: error names, what Retry and Catch match, and how long a retry waits."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LONGEST_MESSAGE = 8000  # characters; the service cuts causes at 32,768
UNCAUGHT_BY_ALL = frozenset({"States.DataLimitExceeded", "States.Runtime"})
_RETRIER = {"ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxDelaySeconds", "MaxAttempts", "Comment"}
_CATCHER = {"ErrorEquals", "ResultPath", "Next", "Comment"}
_LEAST = {"IntervalSeconds": 1, "MaxDelaySeconds": 1, "MaxAttempts": 0}  # the Amazon States Language's bounds


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


def handling_problems(state: Mapping[str, Any]) -> Iterator[str]:
    """Every reason to refuse the state's Retry and Catch, as sentences."""
    for word, known in (("Retry", _RETRIER), ("Catch", _CATCHER)):
        entries = state.get(word, [])
        for number, entry in enumerate(entries, 1):
            yield from (f"{word} has a field outside the subset: {field}" for field in sorted(set(entry) - known))
            names = entry.get("ErrorEquals")
            if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
                yield f"{word} has no ErrorEquals"
            elif "States.ALL" in names and (len(names) > 1 or number < len(entries)):
                yield f"{word}: States.ALL stands alone and last"
    for retrier in state.get("Retry", []):
        for field, least in _LEAST.items():
            value = retrier.get(field, least)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                yield f"Retry: {field} is not a whole number of at least {least}"
        rate = retrier.get("BackoffRate", 2.0)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or rate < 1:
            yield "Retry: BackoffRate is not a number of at least 1"
