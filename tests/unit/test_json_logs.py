"""Lines of the log: events, known fields, and never the words of an error or a library (spec O1, O2)."""

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.json_logs import EVENT, FIELDS, JsonLines, log_fields, logged_span, raise_alarm
from shared.domain.errors import Permanent

ROOT = Path(__file__).parents[2]
# what runs in a terminal speaks to a person, not to a log
SPOKEN = ("infra/local/demo", "infra/aws")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


class Lines:
    """A logger of its own with its lines."""

    def __init__(self, name: str = "bidproof.test") -> None:
        self.stream = io.StringIO()
        self.log = logging.Logger(name)
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(JsonLines(service="api"))
        self.log.addHandler(handler)

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of a logger in the product."""
    for top in ("functions", "shared", "infra"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if name.startswith(SPOKEN):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                if is_method and node.func.attr in LEVELS and ast.unparse(node.func.value).lower() in ("log", "logger"):  # type: ignore[attr-defined]
                    yield f"{name}:{node.lineno}", node  # type: ignore[attr-defined,misc]


def test_every_log_call_of_the_product_is_an_event_and_names_known_fields() -> None:
    calls = list(log_calls())
    assert len(calls) > 8
    for place, call in calls:
        assert len(call.args) == 1, f"{place}: values belong into fields"
        (event,) = call.args
        assert isinstance(event, ast.Constant) and EVENT.fullmatch(str(event.value)), f"{place}: {ast.unparse(event)}"
        for extra in (key.value for key in call.keywords if key.arg == "extra"):
            if isinstance(extra, ast.Dict):
                named = {key.value for key in extra.keys if isinstance(key, ast.Constant)}
                assert named <= FIELDS, f"{place}: {named - FIELDS}"


def test_a_line_has_its_event_level_time_and_fields() -> None:
    lines = Lines()
    with log_fields(trace_id="a" * 32, tenant_id="ten_1", job_id=None):
        lines.log.warning("BP_STEP_RETRYABLE", extra={"state": "ParseRange", "latency_ms": 12.5})
    lines.log.info("BP_STEP_DONE")
    first, second = lines.all()
    assert first["time"].endswith("+00:00") and first["level"] == "WARNING" and first["service"] == "api"
    assert (first["event"], first["state"], first["latency_ms"]) == ("BP_STEP_RETRYABLE", "ParseRange", 12.5)
    assert first["trace_id"] == "a" * 32 and "job_id" not in first
    assert "trace_id" not in second, "a block ends with its fields"


def test_a_field_that_nobody_allowed_is_left_out() -> None:
    lines = Lines()
    lines.log.info("BP_STEP_DONE", extra={"text": "secret words", "state": {"deep": "secret words"}})
    assert "secret" not in lines.stream.getvalue() and lines.all()[0]["state"] == "dict"


def test_an_error_leaves_its_type_code_and_places_but_no_words() -> None:
    lines = Lines()
    try:
        try:
            int("secret words of a document")
        except ValueError as error:
            raise Permanent("DATA_CORRUPTED", "secret words of a row") from error
    except Permanent:
        lines.log.exception("BP_STEP_FAILED")
    (line,) = lines.all()
    assert "secret" not in json.dumps(line)
    assert [(e["type"], e["code"]) for e in line["exception"]] == [
        ("Permanent", "DATA_CORRUPTED"),
        ("ValueError", None),
    ]
    assert all(frame.startswith("test_json_logs.py:") for e in line["exception"] for frame in e["frames"])


def test_of_a_library_only_the_template_is_told() -> None:
    lines = Lines("psycopg.pool")
    lines.log.warning("error connecting in %r: %s", "pool-1", "password=secret")
    lines.log.warning(f"row {'secret'} is wrong")
    first, second = lines.all()
    assert first["template"] == "error connecting in %r: %s" and first["event"] == "BP_LIBRARY_LOG"
    assert "template" not in second and second["problem"].startswith("test_json_logs:")
    assert "secret" not in lines.stream.getvalue()


def test_spans_know_their_parent_and_share_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.setFormatter(JsonLines())
    with (
        caplog.at_level(logging.DEBUG, logger="bidproof.trace"),
        logged_span("request", trace_id="b" * 32, parent_id="c" * 16),
        logged_span("step"),
    ):
        pass
    inner, outer = (json.loads(line) for line in caplog.text.splitlines())
    assert (inner["span"], outer["span"]) == ("step", "request")
    assert inner["trace_id"] == outer["trace_id"] == "b" * 32
    assert (inner["parent_id"], outer["parent_id"]) == (outer["span_id"], "c" * 16)


def test_an_alarm_is_an_event_that_a_filter_can_count(caplog: pytest.LogCaptureFixture) -> None:
    raise_alarm("sweep failed", {"sweep": "leftovers", "code": "CIRCUIT_OPEN"})
    assert [(r.name, r.message, vars(r)["problem"]) for r in caplog.records] == [
        ("bidproof.alarm", "BP_ALARM_SWEEP_FAILED", "sweep failed")
    ]
