"""Logs as JSON lines: an event, a level, and context in fields, not in the sentence (spec O1, O2)."""

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from secrets import token_hex
from types import MappingProxyType, TracebackType
from typing import Any

EVENT = re.compile(r"BP_[A-Z]+(_[A-Z]+)+")
LIBRARY_EVENT = "BP_LIBRARY_LOG"
# What a line may carry: ids, codes, names that the product chose, numbers and times (O1, O2). A test compares the
# calls of the whole product with it, and the formatter leaves out everything else.
FIELDS = frozenset({"trace_id", "span_id", "parent_id", "request_id", "tenant_id", "job_id", "run_id", "thread_id"})
FIELDS |= {"evaluation_id", "document_id", "event_id", "message_id", "node", "error_code", "latency_ms", "state"}
FIELDS |= {"attempt", "consumer", "queue", "schedule", "event_type", "method", "route", "status", "error_class", "span"}
FIELDS |= {"sweep", "requirement", "problem", "outcome", "started_at", "ended_at", "input_hash", "output_hash"}
FIELDS |= {"deployment", "subject", "step", "seconds"}
_CONTEXT: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=MappingProxyType({}))
_PLAIN = (str, int, float, bool, type(None))
log = logging.getLogger("bidproof.trace")
_TEXT_LIMIT = 200  # characters of one field; ids and codes are shorter


@contextmanager
def log_fields(**fields: str | None) -> Iterator[None]:
    """Every line of the block, in this thread or task, carries the fields that have a value."""
    token = _CONTEXT.set({**_CONTEXT.get(), **{name: value for name, value in fields.items() if value}})
    try:
        yield
    finally:
        _CONTEXT.reset(token)


def current_fields() -> Mapping[str, str]:
    """The fields of the innermost block."""
    return _CONTEXT.get()


@contextmanager
def logged_span(name: str, **ids: str) -> Iterator[None]:
    """A span as W3C names it: id, parent and time in one line of level DEBUG at its end, ids in all lines of it."""
    own = {"span": name, "span_id": token_hex(8), "parent_id": ids.pop("parent_id", current_fields().get("span_id"))}
    started = time.perf_counter()
    with log_fields(**ids, **own):
        try:
            yield
        finally:
            if log.isEnabledFor(logging.DEBUG):
                log.debug("BP_TRACE_SPAN", extra={"latency_ms": round((time.perf_counter() - started) * 1000, 3)})


class JsonLines(logging.Formatter):
    """One object per line. Of a message that is no event of ours, as of a library, only the template is told, and
    only when its values come apart from it: its words may quote a row, a request or a document (O2)."""

    def __init__(self, **constant: str) -> None:
        super().__init__()
        self._constant = constant

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; an exception adds its type and where it was raised, never its words."""
        is_ours = isinstance(record.msg, str) and EVENT.fullmatch(record.msg) is not None
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.msg if is_ours else LIBRARY_EVENT,
            **self._constant,
            **{name: _short(value) for name, value in current_fields().items() if name in FIELDS},
            **{name: _short(value) for name, value in vars(record).items() if name in FIELDS},
        }
        if not is_ours:
            line["problem"] = f"{record.module}:{record.lineno}"
            if record.args:
                line["template"] = _short(record.msg)
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _places(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_TEXT_LIMIT]
    return value if isinstance(value, _PLAIN) else type(value).__name__


def _places(error: BaseException | None) -> list[dict[str, Any]]:
    """The error and its causes: type, code of the catalogue or of the database, and the frames."""
    found: list[dict[str, Any]] = []
    while error is not None and len(found) < 5:
        code = getattr(error, "code", None) or getattr(error, "sqlstate", None)
        found.append({"type": type(error).__name__, "code": _short(code), "frames": _frames(error.__traceback__)})
        error = error.__cause__ or error.__context__
    return found


def _frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-20:]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}:{frame.name}" for frame in frames]


def log_json(level: str, **constant: str) -> None:
    """Send all logs of this process to stderr as JSON lines, each with the constant fields."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(**constant))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def raise_alarm(problem: str, about: Mapping[str, Any]) -> None:
    """One line of the logger `bidproof.alarm`, which the platform's alarms count by its event (spec O21):
    `sweep silent` becomes BP_ALARM_SWEEP_SILENT."""
    event = f"BP_ALARM_{problem.upper().replace(' ', '_')}"
    logging.getLogger("bidproof.alarm").error(event, extra={**about, "problem": problem})
