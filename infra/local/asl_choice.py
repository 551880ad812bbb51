"""Choice rules: the comparison operators of the Amazon States Language and And, Or, Not."""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from infra.local.asl_errors import StateError
from infra.local.paths import PathError, read_path

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}


def is_number(value: Any) -> bool:
    """True for JSON numbers; a Python bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def timestamp(value: Any) -> datetime | None:
    """Read an RFC 3339 time with its zone, or None."""
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


_TESTS: dict[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsString": lambda value: isinstance(value, str),
    "IsNumeric": is_number,
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: timestamp(value) is not None,
}
COMPARISONS = frozenset(
    [
        f"{kind}{name}{suffix}"
        for kind in ("String", "Numeric", "Timestamp")
        for name in _ORDER
        for suffix in ("", "Path")
    ]
    + ["BooleanEquals", "BooleanEqualsPath", "StringMatches", "IsPresent", *_TESTS]
)


def choose(state: Mapping[str, Any], data: Any) -> str:
    """Return the next state's name; raises StateError States.NoChoiceMatched without a match and Default."""
    for rule in state["Choices"]:
        if holds(rule, data):
            return str(rule["Next"])
    if "Default" not in state:
        raise StateError("States.NoChoiceMatched", "no rule holds and there is no Default")
    return str(state["Default"])


def holds(rule: Mapping[str, Any], data: Any) -> bool:
    """Tell whether a rule holds; raises StateError States.Runtime when its variable is missing."""
    if "And" in rule:
        return all(holds(part, data) for part in rule["And"])
    if "Or" in rule:
        return any(holds(part, data) for part in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], data)
    name = next(key for key in rule if key in COMPARISONS)
    wanted = rule[name]
    try:
        value = read_path(data, rule["Variable"])
    except PathError as error:
        if name == "IsPresent":
            return not wanted
        raise StateError("States.Runtime", f"the path {rule['Variable']} leads nowhere") from error
    if name == "IsPresent":
        return bool(wanted)
    if name in _TESTS:
        return _TESTS[name](value) is wanted
    if name.endswith("Path"):
        wanted, name = _read(data, wanted), name.removesuffix("Path")
    return _compare(name, value, wanted)


def _read(data: Any, path: str) -> Any:
    try:
        return read_path(data, path)
    except PathError as error:
        raise StateError("States.Runtime", f"the path {path} leads nowhere") from error


def _compare(name: str, value: Any, wanted: Any) -> bool:
    if name == "StringMatches":
        return isinstance(value, str) and like(value, wanted)
    if name == "BooleanEquals":
        return isinstance(value, bool) and isinstance(wanted, bool) and value == wanted
    kind = next(kind for kind in ("String", "Numeric", "Timestamp") if name.startswith(kind))
    order = _ORDER[name.removeprefix(kind)]
    if kind == "Timestamp":
        left, right = timestamp(value), timestamp(wanted)
        return left is not None and right is not None and order(left, right)
    fits = is_number if kind == "Numeric" else _TESTS["IsString"]
    return fits(value) and fits(wanted) and order(value, wanted)


def like(text: str, pattern: str) -> bool:
    r"""Match `*` as anything; `\*` is a star and `\\` a backslash."""
    parts = re.findall(r"\\.|\*|[^\\*]+|\\", pattern, re.DOTALL)
    regex = "".join(".*" if part == "*" else re.escape(part[1:] if part.startswith("\\") else part) for part in parts)
    return re.fullmatch(regex, text, re.DOTALL) is not None
