"""RestartRuns also starts what is queued and due (W112); the half-started case is in test_start_work."""

from infra.local.postgres import Databases
from tests.records import make_records
from tests.rows import a_document, an_ingest_job
from tests.unit.usecases.test_start_work import executions, restart


def test_a_forgotten_queued_job_is_started(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records), lane="bulk")
    assert restart(databases).started >= 1
    assert executions(databases, f"{job.job_id}-1") == 1
