"""RecordFailure on a real database: three commits, each repeatable."""

import json

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
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


@pytest.mark.parametrize(("error", "code"), [("States.Timeout", "WF_STEP_TIMEOUT"), ("ValueError", "INTERNAL_ERROR")])
def test_foreign_errors_get_a_code_and_no_vendor_text(databases: Databases, error: str, code: str) -> None:
    records = make_records(databases)
    command = failing_job(records)
    cause = json.dumps({"errorType": error, "errorMessage": "secret text of a vendor"})
    record(RecordFailure(job_id=command.job_id, run_id=command.run_id, error=error, cause=cause), records)
    job = records.jobs.get(command.job_id)
    assert job.error_code == code
    assert "secret" not in json.dumps(job.error)
