"""A sweep that says nothing, or fails, raises an alarm."""

from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.json_logs import raise_alarm
from shared.adapters.postgres.sweeps import PostgresSweeps
from shared.domain.errors import Retryable
from shared.domain.sweeps import SWEEPS
from shared.usecases.watch_sweeps import WatchSweeps, watch_sweeps
from tests.records import pool
from tests.sweeping import heartbeat, sweep


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """Heartbeats belong to nobody: these are of this module alone."""
    return own_databases


def watch(databases: Databases) -> list[tuple[str, str]]:
    """The alarms of one look: event and sweep."""
    raised: list[tuple[str, str]] = []

    def alarm(event: str, about: Mapping[str, Any]) -> None:
        raised.append((event, about["sweep"]))

    sweep(databases, watch_sweeps, WatchSweeps(), raise_alarm=alarm)
    return raised


def test_new_sweeps_get_their_time_and_a_silent_one_alarms_until_it_runs_again(databases: Databases) -> None:
    assert watch(databases) == []
    sweeps = PostgresSweeps(pool(databases.sweep_url))
    assert {beat.sweep for beat in sweeps.heartbeats()} >= SWEEPS.keys()
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("update sweep_heartbeats set last_run_at = last_run_at - interval '31 min'")
    before = heartbeat(databases, "sweep_alarms").found
    silent = {name for event, name in watch(databases) if event == "sweep silent"}
    assert {"leftovers", "waiting_events"} <= silent
    assert not silent & {"index_entries", "report_objects"}, "those run once an hour or day"
    assert heartbeat(databases, "sweep_alarms").found == before + len(silent)
    sweeps.each("leftovers", list, bool, time_left=lambda: 100.0)
    assert silent - {name for _, name in watch(databases)} == {"leftovers"}


def test_a_failure_alarms_with_its_code_and_a_good_run_ends_it(databases: Databases) -> None:
    sweeps = PostgresSweeps(pool(databases.sweep_url))

    def fail(found: int) -> bool:
        raise Retryable("DEPENDENCY_UNAVAILABLE")

    sweeps.each("closed_waits", lambda: [1], fail, time_left=lambda: 100.0)
    assert ("sweep failed", "closed_waits") in watch(databases)
    sweeps.each("closed_waits", list, fail, time_left=lambda: 100.0)
    assert ("sweep failed", "closed_waits") not in watch(databases)


def test_an_alarm_is_one_line_of_its_own_logger(caplog: pytest.LogCaptureFixture) -> None:
    raise_alarm("sweep silent", {"sweep": "leftovers"})
    assert [(r.name, r.levelname, r.message, vars(r)["sweep"]) for r in caplog.records] == [
        ("bidproof.alarm", "ERROR", "BP_ALARM_SWEEP_SILENT", "leftovers")
    ]
