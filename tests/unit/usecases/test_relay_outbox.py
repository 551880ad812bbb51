"""RelayOutbox between the real outbox and the real local queue."""

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.local_queue import LocalBus
from shared.adapters.postgres.outbox import PostgresOutbox
from shared.usecases.relay_outbox import RelayOutbox, relay_outbox
from tests.records import make_records, pool
from tests.rows import a_document, an_ingest_job


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A relay sends the events of all tenants: these have a database of their own."""
    return own_databases


def relay(databases: Databases, seconds: float) -> int:
    """Call the use case with real adapters."""
    outbox = PostgresOutbox(pool(databases.relay_url), LocalBus(pool(databases.platform_url)))
    return relay_outbox(RelayOutbox(), outbox=outbox, time_left=lambda: seconds).published


def messages(databases: Databases, job_id: str) -> int:
    """How many messages on the bus are about the job."""
    with psycopg.connect(databases.platform_url) as connection:
        row = connection.execute(
            "select count(*) from local_platform.messages where body->>'job_id' = %s", (job_id,)
        ).fetchone()
    return int(row[0]) if row else 0


def test_pending_events_reach_the_queue_once(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records))
    assert messages(databases, job.job_id) == 0
    assert relay(databases, 60.0) >= 1
    assert relay(databases, 60.0) == 0
    assert messages(databases, job.job_id) == 1


def test_without_time_left_everything_stays_pending(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records))
    assert relay(databases, 4.0) == 0
    assert messages(databases, job.job_id) == 0
