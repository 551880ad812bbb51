"""What goes into a state and what comes out: InputPath, Parameters, ResultSelector, ResultPath, OutputPath."""

import json
from collections.abc import Mapping
from typing import Any

from infra.local.asl_errors import StateError
from infra.local.paths import PathError, read_path, write_path

PAYLOAD_LIMIT = 256 * 1024  # bytes of UTF-8 JSON, the service's limit (W6)


def through_json(value: Any) -> Any:
    """Return the value as the other side of a JSON wire sees it.

    Raises StateError Runtime.MarshalError for what JSON cannot say, States.DataLimitExceeded above 256 KiB.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise StateError("Runtime.MarshalError", f"the result is no JSON: {error}") from error
    if len(text) > PAYLOAD_LIMIT or len(text.encode("utf-8", "surrogatepass")) > PAYLOAD_LIMIT:
        raise StateError("States.DataLimitExceeded", f"more than {PAYLOAD_LIMIT} bytes")
    return json.loads(text)


def fill(template: Any, data: Any, context: Mapping[str, Any]) -> Any:
    """Fill a payload template: a key ending in `.$` names a path, `$` into the data and `$$` into the context.

    Raises StateError States.ParameterPathFailure when a path leads nowhere.
    """
    if isinstance(template, dict):
        filled = {}
        for key, value in template.items():
            if key.endswith(".$"):
                filled[key[:-2]] = look_up(value, data, context, error="States.ParameterPathFailure")
            else:
                filled[key] = fill(value, data, context)
        return filled
    if isinstance(template, list):
        return [fill(value, data, context) for value in template]
    return template


def look_up(path: str, data: Any, context: Mapping[str, Any], *, error: str = "States.Runtime") -> Any:
    """Read a path of data or context; raises StateError under the given name when it leads nowhere."""
    try:
        return read_path(context if path.startswith("$$") else data, path)
    except PathError as missing:
        raise StateError(error, f"the path {path} leads nowhere") from missing


def effective_input(state: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> Any:
    """Apply InputPath and Parameters; an InputPath of null gives an empty object."""
    path = state.get("InputPath", "$")
    chosen = {} if path is None else look_up(path, data, context)
    return fill(state["Parameters"], chosen, context) if "Parameters" in state else chosen


def output(state: Mapping[str, Any], data: Any, result: Any, context: Mapping[str, Any]) -> Any:
    """Apply ResultSelector, ResultPath (over the state's raw input) and OutputPath; checks the size of the outcome.

    Raises StateError States.ResultPathMatchFailure when the result has no place, States.DataLimitExceeded.
    """
    if "ResultSelector" in state:
        result = fill(state["ResultSelector"], result, context)
    path = state.get("ResultPath", "$")
    try:
        combined = data if path is None else write_path(data, path, result)
    except PathError as error:
        raise StateError("States.ResultPathMatchFailure", str(error)) from error
    return passed_on(state, combined, context)


def passed_on(state: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> Any:
    """Apply OutputPath; null gives an empty object. Raises StateError States.DataLimitExceeded."""
    path = state.get("OutputPath", "$")
    return through_json({} if path is None else look_up(path, data, context))
