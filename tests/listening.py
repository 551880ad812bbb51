"""The log of the test's process as the lines that the product would write."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from shared.adapters.json_logs import JsonLines


@dataclass
class Seen:
    """The lines, at every level of the loggers of ours."""

    lines: list[str] = field(default_factory=list)

    def all(self) -> list[dict[str, Any]]:
        """All lines, parsed."""
        return [json.loads(line) for line in list(self.lines)]

    def of(self, event: str) -> list[dict[str, Any]]:
        """Those of one event."""
        return [line for line in self.all() if line["event"] == event]


@contextmanager
def listening() -> Iterator[Seen]:
    """Everything that is logged in the block."""
    seen = Seen()

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.lines.append(self.format(record))

    keeper, ours, root = Keeper(), logging.getLogger("bidproof"), logging.getLogger()
    keeper.setFormatter(JsonLines())
    level = ours.level
    root.addHandler(keeper)
    ours.setLevel(logging.DEBUG)
    try:
        yield seen
    finally:
        root.removeHandler(keeper)
        ours.setLevel(level)
