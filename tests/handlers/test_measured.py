"""What steps, consumers and schedules leave behind when they do not end well (spec O1, O3)."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from functions.measured import Canceled, Measured, add_schedule_facts, measured_message, measured_step
from shared.adapters.json_logs import JsonLines
from shared.adapters.prometheus import PrometheusTelemetry
from shared.adapters.system import SystemClock
from shared.domain.errors import Permanent, Refused, Retryable

SCOPE = {"tenant_id": "ten_1", "job_id": "job_1", "run_id": "run_1", "trace": "e" * 32, "state": "ParseRange"}
ENDS: list[tuple[Exception, str, str, str]] = [
    (Retryable("CIRCUIT_OPEN"), "BP_STEP_RETRYABLE", "WARNING", "retryable"),
    (Permanent("DATA_CORRUPTED"), "BP_STEP_FAILED", "ERROR", "permanent"),
    (Refused("VERSION_CONFLICT"), "BP_STEP_REFUSED", "WARNING", "refused"),
    (Refused("JOB_CANCELED"), "BP_STEP_CANCELED", "INFO", "canceled"),
    (Canceled("job_1 is canceled"), "BP_STEP_CANCELED", "INFO", "canceled"),
    (KeyError("secret words"), "BP_STEP_FAILED", "ERROR", "crashed"),
]


class Context:
    """What Lambda hands over."""

    aws_request_id = "request-1"


@pytest.fixture
def telemetry() -> PrometheusTelemetry:
    return PrometheusTelemetry()


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    caplog.handler.setFormatter(JsonLines())
    with caplog.at_level(logging.DEBUG, logger="bidproof"):
        yield lambda: [one for one in map(json.loads, caplog.text.splitlines()) if one["event"] != "BP_TRACE_SPAN"]


@pytest.mark.parametrize("error, event, level, outcome", ENDS, ids=lambda value: getattr(value, "code", str(value)))
def test_a_step_says_how_it_ended(
    telemetry: PrometheusTelemetry, lines: Any, error: Exception, event: str, level: str, outcome: str
) -> None:
    told = {"scope": SCOPE, "command": {"document_id": "doc_1"}}
    with pytest.raises(type(error)), measured_step(telemetry, told, Context()):
        raise error
    (line,) = lines()
    assert (line["event"], line["level"], line["outcome"]) == (event, level, outcome)
    assert line["trace_id"] == "e" * 32 and line["document_id"] == "doc_1" and line["request_id"] == "request-1"
    assert line.get("error_code") == getattr(error, "code", None)
    assert ("exception" in line) == (outcome == "crashed") and "secret" not in json.dumps(line)
    assert f'bidproof_step_runs_total{{outcome="{outcome}",step="ParseRange"}} 1' in telemetry.text()
    assert ("duplicate_executions" in telemetry.text()) == isinstance(error, Canceled)


def test_a_second_try_is_counted_and_codes_with_an_alarm_are(telemetry: PrometheusTelemetry) -> None:
    told = {"scope": SCOPE | {"attempt": 1}, "command": {}}
    with pytest.raises(Permanent), measured_step(telemetry, told, Context()):
        raise Permanent("DATA_CORRUPTED")
    with pytest.raises(Refused), measured_step(telemetry, told, Context()):
        raise Refused("WF_STATE_TRANSITION_INVALID")
    text = telemetry.text()
    assert 'bidproof_step_retries_total{step="ParseRange"} 2' in text
    assert "bidproof_corrupted_data_total 1" in text and "bidproof_illegal_transitions_total 1" in text


def test_a_message_tells_how_long_it_was_under_way_unless_its_time_is_no_time(
    telemetry: PrometheusTelemetry, lines: Any
) -> None:
    envelope = {"trace_id": "e" * 32, "tenant_id": "ten_1", "event_id": "evt_1", "event_type": "job.queued"}
    now = SystemClock().now()
    with measured_message(telemetry, "start_work", envelope, Context()) as measured:
        measured.waited(now.isoformat(), now)
        measured.waited("yesterday", now)
        measured.waited(now.replace(tzinfo=None).isoformat(), now)
    (line,) = lines()
    assert (line["event"], line["level"], line["event_id"]) == ("BP_MESSAGE_DONE", "INFO", "evt_1")
    assert 'bidproof_message_wait_seconds_count{consumer="start_work"} 1' in telemetry.text()


def test_a_schedule_that_ends_well_is_no_news_but_what_it_found_is_counted(
    telemetry: PrometheusTelemetry, lines: Any
) -> None:
    swept = {"sweep": "leftovers", "found": 3, "repaired": 2, "error_code": "CIRCUIT_OPEN"}
    with Measured(telemetry, "schedule", "clear_leftovers", trace_id="e" * 32) as measured:
        add_schedule_facts(measured, {"sweeps": [swept], "published": 4})
    assert [(line["event"], line["level"]) for line in lines()] == [("BP_SCHEDULE_DONE", "DEBUG")]
    text = telemetry.text()
    assert 'bidproof_sweep_found_total{sweep="leftovers"} 3' in text and "bidproof_events_published_total 4" in text
    assert 'bidproof_sweep_failures_total{sweep="leftovers"} 1' in text
