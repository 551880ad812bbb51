"""StopExecution stops the newest execution of a canceled job, once."""

import psycopg

from infra.local.postgres import Databases
from shared.adapters.local_workflows import LocalWorkflows
from shared.adapters.postgres.dispatch import PostgresDispatch
from shared.usecases.stop_execution import StopExecution, stop_execution
from tests.records import make_records, pool
from tests.rows import a_document, an_ingest_job
from tests.unit.usecases.test_start_work import start


def test_the_execution_of_a_canceled_job_is_stopped_and_stopping_again_does_nothing(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records))
    event = {"tenant_id": records.actor.tenant_id, "job_id": job.job_id}
    dispatch, workflows = PostgresDispatch(pool(databases.dispatch_url)), LocalWorkflows(pool(databases.platform_url))
    assert not stop_execution(StopExecution(event=event), dispatch=dispatch, workflows=workflows).stopped
    start(databases)
    for _ in range(2):
        assert stop_execution(StopExecution(event=event), dispatch=dispatch, workflows=workflows).stopped
    with psycopg.connect(databases.platform_url) as connection:
        row = connection.execute(
            "select status from local_platform.executions where name = %s", (f"{job.job_id}-1",)
        ).fetchone()
    assert row == ("ABORTED",)
