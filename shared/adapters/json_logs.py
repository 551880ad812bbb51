"""Logs as JSON lines: context in fields, not in the sentence (spec O1)."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One object per line with time, level, logger, event and every extra field."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; an exception adds its traceback."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_json(level: str) -> None:
    """Send all logs of this process to stderr as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def raise_alarm(event: str, about: Mapping[str, Any]) -> None:
    """One line of the logger `bidproof.alarm`, which the platform's alarms count by its event (spec O21)."""
    logging.getLogger("bidproof.alarm").error(event, extra=dict(about))
