"""RecordFailure on a real database: three commits, each repeatable."""

import json
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.moves import Moves
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.documents import Document
from shared.domain.jobs import Job
from shared.usecases.claim_job import ClaimJob, claim_job
from shared.usecases.record_failure import RecordedFailure, RecordFailure, record_failure
from tests.records import clock, ids, make_records
from tests.rows import a_document, an_ingest_job

CAUSE = json.dumps({"errorType": "Permanent", "errorMessage": "broken", "code": "DOC_PARSE_PDF_CORRUPT", "details": {}})


def failing_job(records: PostgresRecords) -> RecordFailure:
    """A claimed job and the failure of its step."""
    job = an_ingest_job(records, a_document(records))
    run_id = records.jobs.newest_run(job.job_id).run_id
    claim_job(ClaimJob(job_id=job.job_id, run_id=run_id), records=records)
    return RecordFailure(job_id=job.job_id, run_id=run_id, error="Permanent", cause=CAUSE)


def record(command: RecordFailure, records: PostgresRecords) -> RecordedFailure:
    return record_failure(command, records=records, clock=clock, ids=ids)


def test_a_failure_leaves_a_dead_letter_then_a_failed_job_and_document(databases: Databases) -> None:
    records = make_records(databases)
    command = failing_job(records)
    recorded = record(command, records)
    job = records.jobs.get(command.job_id)
    assert (job.status, job.error_code, job.dlq_id) == ("failed", "DOC_PARSE_PDF_CORRUPT", recorded.dlq_id)
    document = records.documents.get(job.resource_id)
    assert (document.status, document.error_code) == ("parse_failed", "DOC_PARSE_PDF_CORRUPT")
    letter = records.session.row("select * from dlq_items where dlq_id = %(id)s", id=recorded.dlq_id)
    assert letter is not None and (letter["status"], letter["job_id"]) == ("open", job.job_id)
    actions = records.session.rows(
        "select action from audit_log where resource_id = %(id)s order by seq", id=job.job_id
    )
    assert [row["action"] for row in actions][-3:] == ["job.dlq_pending", "job.dlq_recorded", "job.failed"]


def test_recording_twice_makes_one_dead_letter(databases: Databases) -> None:
    records = make_records(databases)
    command = failing_job(records)
    assert record(command, records).dlq_id == record(command, records).dlq_id
    assert len(records.session.rows("select * from dlq_items")) == 1


def test_a_crash_after_the_first_commit_is_completed_by_the_repeat(databases: Databases) -> None:
    records = make_records(databases)
    command = failing_job(records)
    records.moves.job(records.jobs.get(command.job_id), "dlq_pending", error_code="DOC_PARSE_PDF_CORRUPT")
    assert record(command, records).dlq_id is not None
    assert records.jobs.get(command.job_id).status == "failed"


def test_a_canceled_job_is_left_alone(databases: Databases) -> None:
    records = make_records(databases)
    command = failing_job(records)
    records.moves.job(records.jobs.get(command.job_id), "canceled", error_code="JOB_CANCELED")
    assert record(command, records) == RecordedFailure(dlq_id=None, error_code="JOB_CANCELED")


def test_the_failure_of_a_lost_run_leaves_the_job_to_the_run_that_took_its_place(databases: Databases) -> None:
    records = make_records(databases)
    command = failing_job(records)
    records.moves.close_run(command.run_id, "lost")
    job = records.moves.job(records.jobs.get(command.job_id), "retrying", claim_token=None)
    newest = records.repairs.open_run(job, run_id=ids.new("run"))
    assert record(command, records).dlq_id is None
    assert records.jobs.get(command.job_id).status == "retrying"
    assert records.jobs.run(newest.run_id).status == "started"


@pytest.mark.parametrize(("error", "code"), [("States.Timeout", "WF_STEP_TIMEOUT"), ("ValueError", "INTERNAL_ERROR")])
def test_foreign_errors_get_a_code_and_no_vendor_text(databases: Databases, error: str, code: str) -> None:
    records = make_records(databases)
    command = failing_job(records)
    cause = json.dumps({"errorType": error, "errorMessage": "secret text of a vendor"})
    record(RecordFailure(job_id=command.job_id, run_id=command.run_id, error=error, cause=cause), records)
    job = records.jobs.get(command.job_id)
    assert job.error_code == code
    assert "secret" not in json.dumps(job.error)


class Killed(BaseException):
    """The process ends here."""


class KilledBefore(Moves):
    """Moves of a process that is killed before the n-th move of a job is begun."""

    def __init__(self, moves: Moves, left: int) -> None:
        self._real, self._left = moves, left

    def job(self, job: Job, to: str, **changes: Any) -> Job:
        """Move, unless the time has come."""
        if self._left == 0:
            raise Killed
        self._left -= 1
        return self._real.job(job, to, **changes)

    def document(self, document: Document, to: str, **changes: Any) -> Document:
        """Documents move as always."""
        return self._real.document(document, to, **changes)


def trace_of(records: PostgresRecords, job_id: str) -> list[str]:
    """States of the job as its audit tells them."""
    rows = records.session.rows(
        "select action from audit_log where resource_id = %(id)s and result = 'done' order by seq", id=job_id
    )
    return [row["action"].removeprefix("job.") for row in rows]


@pytest.mark.parametrize(("commits", "left"), [(0, "running"), (1, "dlq_pending"), (2, "dlq_recorded")])
def test_f29_a_dead_letter_step_killed_after_each_commit_completes_in_order(
    databases: Databases, commits: int, left: str
) -> None:
    records = make_records(databases)
    command = failing_job(records)
    dying = make_records(databases, records.actor.tenant_id)
    dying.repairs._moves = KilledBefore(dying.moves, commits)
    with pytest.raises(Killed):
        record(command, dying)
    job = records.jobs.get(command.job_id)
    letters = records.session.rows("select dlq_id from dlq_items")
    assert job.status == left and len(letters) == (1 if left == "dlq_recorded" else 0)
    assert records.documents.get(job.resource_id).status == "parsing"
    recorded = record(command, records)
    job = records.jobs.get(command.job_id)
    assert (job.status, job.dlq_id, job.error_code) == ("failed", recorded.dlq_id, "DOC_PARSE_PDF_CORRUPT")
    assert trace_of(records, job.job_id) == ["queued", "running", "dlq_pending", "dlq_recorded", "failed"]
    assert len(records.session.rows("select dlq_id from dlq_items")) == 1
    assert records.documents.get(job.resource_id).status == "parse_failed"


@pytest.mark.parametrize(
    ("error", "code", "retries"),
    [("Retryable", "DEPENDENCY_UNAVAILABLE", 3), ("Permanent", "DOC_PARSE_PDF_CORRUPT", 0)],
)
def test_f04_f05_pending_recorded_failed_in_this_order_with_the_dead_letter_linked(
    databases: Databases, error: str, code: str, retries: int
) -> None:
    records = make_records(databases)
    command = failing_job(records)
    for _ in range(retries):
        job = records.moves.job(records.jobs.get(command.job_id), "retrying")
        records.moves.job(job, "running")
    cause = json.dumps({"errorType": error, "errorMessage": "x", "code": code, "details": {}})
    recorded = record(RecordFailure(job_id=command.job_id, run_id=command.run_id, error=error, cause=cause), records)
    assert trace_of(records, command.job_id) == [
        "queued",
        "running",
        *["retrying", "running"] * retries,
        "dlq_pending",
        "dlq_recorded",
        "failed",
    ]
    events = records.session.rows("select event_type, job_id from outbox_events order by created_at, event_id")
    assert [e["event_type"] for e in events][-3:] == ["dlq.recorded", "document.failed", "job.failed"]
    item = records.dead_letters.get(recorded.dlq_id or "")
    assert (item.job_id, item.status, item.error_code) == (command.job_id, "open", code)


def test_sql_refuses_a_failed_job_without_dead_letter_and_one_that_does_not_exist(databases: Databases) -> None:
    records = make_records(databases)
    command = failing_job(records)
    for status in ("failed", "dlq_recorded"):
        with pytest.raises(psycopg.errors.CheckViolation):
            records.session.execute(
                "update jobs set status = %(to)s where job_id = %(id)s", to=status, id=command.job_id
            )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        records.session.execute(
            "update jobs set status = 'failed', dlq_id = 'dlq_none' where job_id = %(id)s", id=command.job_id
        )
    assert records.jobs.get(command.job_id).status == "running"
