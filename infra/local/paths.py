"""JSONPath reference paths: the part of JSONPath that names exactly one place, as `$.plan.ranges[0]`."""

import re
from functools import lru_cache
from typing import Any

Step = str | int
_STEP = re.compile(r"\.(?P<name>[A-Za-z_][\w-]*)|\[(?P<index>\d+)\]|\['(?P<quoted>[^'\\]+)'\]")


class PathError(LookupError):
    """The document has nothing at the path, or nothing can be put there."""


@lru_cache(maxsize=4096)
def parse_path(path: str) -> tuple[Step, ...]:
    """Split a path that starts with `$` (or `$$`) into names and indexes; raises ValueError for any other JSONPath."""
    body = path.removeprefix("$").removeprefix("$")
    if not path.startswith("$"):
        raise ValueError(f"{path!r} is no path")
    steps: list[Step] = []
    position = 0
    while position < len(body):
        match = _STEP.match(body, position)
        if match is None:
            raise ValueError(f"{path!r} is no reference path")
        index = match["index"]
        steps.append(int(index) if index is not None else match["name"] or match["quoted"])
        position = match.end()
    return tuple(steps)


def read_path(document: Any, path: str) -> Any:
    """Return what stands at the path; raises PathError when nothing does."""
    here = document
    for step in parse_path(path):
        named = isinstance(step, str) and isinstance(here, dict) and step in here
        numbered = isinstance(step, int) and isinstance(here, list) and step < len(here)
        if not named and not numbered:
            raise PathError(f"nothing at {path}")
        here = here[step]
    return here


def write_path(document: Any, path: str, value: Any) -> Any:
    """Return the document with the value at the path; missing objects on the way are made, the original is kept.

    Raises PathError where the way leads through something that is no object or past the end of a list.
    """
    return _write(document, parse_path(path), value, path)


def _write(here: Any, steps: tuple[Step, ...], value: Any, path: str) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, str) and isinstance(here, dict):
        return {**here, step: _write(here.get(step, {}), rest, value, path)}
    if isinstance(step, int) and isinstance(here, list) and step < len(here):
        return [*here[:step], _write(here[step], rest, value, path), *here[step + 1 :]]
    raise PathError(f"no place for {path}")
