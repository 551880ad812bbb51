"""The sweep's role sees ids and states only; heartbeats say how each sweep went, also when it failed."""

from datetime import timedelta

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.sweep_queries import QUERIES
from shared.adapters.postgres.sweeps import PostgresSweeps
from shared.domain.errors import Refused, Retryable
from shared.domain.sweeps import SWEEPS, Candidate, Heartbeat, failed_sweeps, silent_sweeps
from tests.records import clock, pool
from tests.sweeping import heartbeat


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


HIDDEN = [
    "select payload from jobs",
    "select error from jobs",
    "select payload from run_events",
    "select payload from outbox_events",
    "select token_ciphertext from waits",
    "select resume_token_hash from reviews",
    "select comment from reviews",
    "select filename from documents",
    "select response_body from idempotency_keys",
    "select observed from reconcile_findings",
    "select * from verdicts",
    "select * from chunks",
    "update jobs set status = 'failed'",
    "delete from idempotency_keys",
    "insert into reconcile_findings (finding_id) values ('x')",
]


@pytest.mark.parametrize("statement", HIDDEN)
def test_the_sweep_role_cannot_read_content_nor_change_rows(databases: Databases, statement: str) -> None:
    with psycopg.connect(databases.sweep_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_every_query_runs_with_the_rights_of_the_role(databases: Databases) -> None:
    sweeps = PostgresSweeps(pool(databases.sweep_url))
    assert {sweep: len(sweeps.find(sweep)) <= 500 for sweep in QUERIES} == dict.fromkeys(QUERIES, True)
    assert SWEEPS.keys() == QUERIES.keys() | {"unstarted_runs"}


def test_one_failed_repair_does_not_stop_the_others_and_stands_in_the_heartbeat(databases: Databases) -> None:
    sweeps = PostgresSweeps(pool(databases.sweep_url))
    found = [Candidate(tenant_id="t", subject_type="job", subject_id=str(n)) for n in range(4)]

    def repair(candidate: Candidate) -> bool:
        if candidate.subject_id == "1":
            raise Retryable("DEPENDENCY_UNAVAILABLE")
        if candidate.subject_id == "2":
            raise Refused("VERSION_CONFLICT")  # somebody else was first: no failure
        return True

    done = sweeps.each("a test", lambda: found, repair, time_left=lambda: 100.0)
    assert (done.found, done.repaired, done.error_code) == (4, 2, "DEPENDENCY_UNAVAILABLE")
    beat = heartbeat(databases, "a test")
    assert (beat.found, beat.repaired, beat.error_code, beat.last_ok_at) == (4, 2, "DEPENDENCY_UNAVAILABLE", None)
    sweeps.each("a test", list, repair, time_left=lambda: 100.0)
    assert heartbeat(databases, "a test").last_ok_at is not None


def test_a_bug_in_a_repair_leaves_a_heartbeat_and_is_not_hidden(databases: Databases) -> None:
    sweeps = PostgresSweeps(pool(databases.sweep_url))

    def repair(number: int) -> bool:
        raise ZeroDivisionError(number)

    with pytest.raises(ZeroDivisionError):
        sweeps.each("a bug", lambda: [1], repair, time_left=lambda: 100.0)
    assert heartbeat(databases, "a bug").error_code == "INTERNAL_ERROR"


def test_a_sweep_without_a_good_run_for_thirty_minutes_beyond_its_period_is_silent() -> None:
    now, minute = clock.now(), timedelta(minutes=1)
    ago = dict.fromkeys(SWEEPS, 29 * minute) | {"leftovers": 31 * minute}
    ago |= {"index_entries": 89 * minute, "index_strangers": 91 * minute}
    ago |= {"unnamed_objects": 24 * 60 * minute + 29 * minute, "report_objects": 24 * 60 * minute + 31 * minute}
    beats = [
        Heartbeat(
            sweep=sweep, last_run_at=now, last_ok_at=now - late, found=0, repaired=0, error_code=None, read_at=now
        )
        for sweep, late in ago.items()
        if sweep != "unstarted_runs"
    ]
    assert set(silent_sweeps(beats)) == {"unstarted_runs", "leftovers", "index_strangers", "report_objects"}


def test_a_failure_of_the_last_ten_minutes_is_named_with_its_code() -> None:
    now = clock.now()
    beats = [
        Heartbeat(
            sweep=sweep,
            last_run_at=now - timedelta(minutes=ago),
            last_ok_at=now,
            found=0,
            repaired=0,
            error_code=code,
            read_at=now,
        )
        for sweep, ago, code in (
            ("leftovers", 9, "DATA_CORRUPTED"),
            ("closed_waits", 11, "X"),
            ("overdue_jobs", 1, None),
        )
    ]
    assert failed_sweeps(beats) == {"leftovers": "DATA_CORRUPTED"}
