"""Dead letters cut short are completed in order; what waited past its deadline is dead-lettered."""

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.jobs import Job
from shared.domain.sweeps import Swept
from shared.usecases.finish_dead_letters import FinishDeadLetters, finish_dead_letters
from tests.records import ids, make_records
from tests.rows import a_document, an_ingest_job
from tests.sweeping import age, findings, sweep


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


ERROR = {"code": "DOC_PARSE_PDF_CORRUPT", "class": "permanent", "retryable": False, "message": "broken", "details": {}}


def finish(databases: Databases) -> dict[str, Swept]:
    return sweep(databases, finish_dead_letters, FinishDeadLetters())


def killed_after(commit: int, records: PostgresRecords) -> Job:
    """A failing job whose RecordFailure was killed after its first or second commit (W102)."""
    job = an_ingest_job(records, a_document(records, status="parsing"))
    run_id = records.jobs.newest_run(job.job_id).run_id
    job = records.moves.job(job, "running", claim_token=run_id, stage="ingest", step="ParseRange")
    job = records.moves.job(job, "dlq_pending", error_code=ERROR["code"], error=dict(ERROR))
    if commit == 2:
        with records.transaction():
            dlq_id = records.jobs.dead_letter(job, dlq_id=ids.new("dlq"), step=job.step, error=ERROR)
            job = records.moves.job(job, "dlq_recorded", dlq_id=dlq_id)
    return job


@pytest.mark.parametrize("commit", [1, 2])
def test_f29_a_dead_letter_step_killed_after_a_commit_is_completed_in_order(databases: Databases, commit: int) -> None:
    records = make_records(databases)
    job = killed_after(commit, records)
    assert finish(databases)["half_dead_letters"].found == 0
    age(databases, "jobs", "job_id", job.job_id, updated_at=61)
    assert finish(databases)["half_dead_letters"].repaired == 1
    assert finish(databases)["half_dead_letters"].found == 0
    ended = records.jobs.get(job.job_id)
    letters = records.session.rows("select dlq_id, error_code, step from dlq_items")
    assert (ended.status, ended.error_code) == ("failed", ERROR["code"])
    assert letters == [{"dlq_id": ended.dlq_id, "error_code": ERROR["code"], "step": "ParseRange"}]
    assert records.documents.get(job.resource_id).status == "parse_failed"
    assert records.jobs.newest_run(job.job_id).status == "failed"
    moves = records.session.rows("select action from audit_log where resource_id = %(id)s order by seq", id=job.job_id)
    assert [m["action"] for m in moves][-3:] == ["job.dlq_pending", "job.dlq_recorded", "job.failed"]
    assert len(findings(records, "half_dead_letters", job.job_id)) == 1


def test_a_queued_job_past_its_deadline_is_dead_lettered(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records))
    assert finish(databases)["overdue_jobs"].found == 0
    age(databases, "jobs", "job_id", job.job_id, deadline_at=5 * 3600 + 1)
    assert finish(databases)["overdue_jobs"].repaired == 1
    assert finish(databases)["overdue_jobs"].found == 0
    ended = records.jobs.get(job.job_id)
    assert (ended.status, ended.error_code) == ("failed", "JOB_DEADLINE_EXCEEDED")
    assert ended.dlq_id and ended.error and ended.error["class"] == "permanent"
    assert records.documents.get(job.resource_id).status == "parse_failed"
