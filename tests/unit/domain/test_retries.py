"""Retry profiles: delays inside their bounds, codes and statuses, and the numbers in the machine files (W19-W23)."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.error_catalogue import CATALOGUE
from shared.domain.retries import (
    JOB_BACKOFF_RATE,
    JOB_INTERVAL_SECONDS,
    JOB_MAX_DELAY_SECONDS,
    PROFILES,
    RETRY_AFTER_CAP_SECONDS,
    STEP_ERRORS,
    STEP_RETRIES,
    is_transient_status,
    may_retry,
    retry_after_seconds,
    retry_jitter_seconds,
)

MACHINES = sorted((Path(__file__).parents[3] / "statemachines").glob("*.asl.json"))
NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


def bodies(states: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """All states, those inside Maps too."""
    found = []
    for name, body in states.items():
        found.append((name, body))
        found += bodies(body.get("ItemProcessor", {}).get("States", {}))
    return found


@given(st.sampled_from(["job", "outbound_call"]), st.integers(1, 3), st.integers(0, 300))
def test_every_delay_is_its_doubling_second_plus_the_jitter(name: str, retry: int, jitter: int) -> None:
    profile = PROFILES[name]
    if retry >= profile.tries:
        with pytest.raises(ValueError):
            profile.delay_seconds(retry, jitter_ms=jitter)
        return
    low = min(JOB_MAX_DELAY_SECONDS, JOB_INTERVAL_SECONDS * JOB_BACKOFF_RATE ** (retry - 1))
    assert low <= profile.delay_seconds(retry, jitter_ms=jitter) == low + jitter / 1000 <= low + 0.3


def test_event_deliveries_wait_1_5_30_and_120_seconds() -> None:
    profile = PROFILES["event_delivery"]
    assert [profile.delay_seconds(n) for n in (1, 2, 3, 4)] == [1, 5, 30, 120]
    for retry, jitter in ((0, 0), (5, 0), (1, 1)):
        with pytest.raises(ValueError):
            profile.delay_seconds(retry, jitter_ms=jitter)


@given(st.integers(0, 9), st.floats(0, 1))
def test_a_first_try_never_waits_and_a_retry_at_most_300_ms(attempt: int, chance: float) -> None:
    seconds = retry_jitter_seconds(attempt, chance)
    assert 0 <= seconds <= 0.3 and (attempt > 0 or seconds == 0)


def test_only_transient_codes_are_retried_and_once_codes_a_single_time() -> None:
    for code, entry in CATALOGUE.items():
        assert may_retry(code, 0) == (entry.kind == "transient"), code
    assert not may_retry("DOC_PARSE_SCHEMA_INVALID", 1)
    assert may_retry("DOC_PARSE_TIMEOUT", 2) and not may_retry("NO_SUCH_CODE", 0)


def test_only_throttling_and_server_failures_are_transient_statuses() -> None:
    assert [s for s in range(200, 600) if is_transient_status(s)] == [429, 500, 502, 503, 504]


@given(st.integers(0, 10**6))
def test_retry_after_reads_seconds_and_dates_alike_within_its_bound(seconds: int) -> None:
    wanted = min(seconds, RETRY_AFTER_CAP_SECONDS)
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after_seconds(str(seconds), NOW) == retry_after_seconds(date, NOW) == wanted


@pytest.mark.parametrize("text", [None, "", "soon", "-5", "1.5", "²", "Sat, 99 Foo"])
def test_what_is_no_retry_after_is_no_wish(text: str | None) -> None:
    assert retry_after_seconds(text, NOW) is None


def test_a_date_in_the_past_means_now() -> None:
    assert retry_after_seconds("Sat, 31 Jan 2026 07:00:00 GMT", NOW) == 0


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.stem)
def test_the_machine_files_carry_the_numbers_of_the_job_profile(machine: Path) -> None:
    checked = 0
    for name, body in bodies(json.loads(machine.read_text())["States"]):
        waits_for_people = body.get("Resource", "").endswith("waitForTaskToken")
        for retry in body.get("Retry", []):
            assert "States.ALL" not in retry["ErrorEquals"], name
            if "Retryable" not in retry["ErrorEquals"]:
                continue
            tries = 10 if name == "RecordFailure" else STEP_RETRIES  # W39, W53
            numbers = (retry["IntervalSeconds"], retry["BackoffRate"], retry["MaxDelaySeconds"], retry["MaxAttempts"])
            assert numbers == (JOB_INTERVAL_SECONDS, JOB_BACKOFF_RATE, JOB_MAX_DELAY_SECONDS, tries), name
            # W22: a wait for people leaves its deadline to its Catch
            expected = set(STEP_ERRORS) - ({"States.Timeout", "States.HeartbeatTimeout"} if waits_for_people else set())
            assert set(retry["ErrorEquals"]) == expected, name
            checked += 1
    assert checked > 3
