"""Events that wait too long are relayed, and whose they were is kept."""

import pytest

from infra.local.postgres import Databases
from shared.adapters.local_queue import LocalBus
from shared.adapters.postgres.outbox import PostgresOutbox
from shared.domain.sweeps import Swept
from shared.usecases.reconcile_outbox import ReconcileOutbox, reconcile_outbox
from tests.records import make_records, pool
from tests.rows import a_document, an_ingest_job
from tests.sweeping import age, findings, sweep


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """A sweep finds what other tests left, too: these have a database of their own."""
    return own_databases


def reconcile(databases: Databases) -> Swept:
    outbox = PostgresOutbox(pool(databases.relay_url), LocalBus(pool(databases.platform_url)))
    return sweep(databases, reconcile_outbox, ReconcileOutbox(), outbox=outbox)["waiting_events"]


def test_an_event_pending_for_a_minute_is_relayed_and_noted(databases: Databases) -> None:
    reconcile(databases)
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records))
    event = "select event_id, status from outbox_events where job_id = %(id)s"
    [before] = records.session.rows(event, id=job.job_id)
    age(databases, "outbox_events", "event_id", before["event_id"], available_at=61, created_at=61)
    assert reconcile(databases).repaired >= 1
    assert reconcile(databases).found == 0
    [after] = records.session.rows(event, id=job.job_id)
    assert (before["status"], after["status"]) == ("pending", "published")
    [noted] = findings(records, "waiting_events", records.actor.tenant_id)
    assert (noted["observed"]["pending"], noted["repaired"]) == (1, True)
