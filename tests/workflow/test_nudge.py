"""The relay is woken by a commit and does not wait for its turn (spec W96)."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from infra.local.worker import Worker
from shared.domain.context import Actor
from shared.wiring.local import LocalServices
from tests.failures.waiting import wait_for
from tests.product import settings_for
from tests.records import new_tenant
from tests.rows import a_document, an_ingest_job


def heard(listener: psycopg.Connection[Any], databases: Databases) -> int:
    """How many nudges came since the last look: notices come in the order of their commits, so ours is the last."""
    with psycopg.connect(databases.platform_url) as connection:
        connection.execute("select pg_notify('bidproof_outbox', 'the last')")
    for nudges, notice in enumerate(listener.notifies(timeout=60)):
        if notice.payload == "the last":
            return nudges
    raise AssertionError("a notice was lost")


def test_a_commit_with_an_event_wakes_the_relay_at_once_and_one_without_does_not(
    own_databases: Databases, tmp_path: Path
) -> None:
    services = LocalServices(settings_for(own_databases, tmp_path))
    records = services.bind(Actor(tenant_id=new_tenant(own_databases), actor_id="system", kind="system")).records
    calls: list[Any] = []
    functions = {"relay_outbox": lambda event, context: calls.append(event)}
    worker = Worker(
        own_databases.platform_url, resolve=functions.__getitem__, queues={}, schedules={"relay_outbox": 86_400.0}
    )
    with psycopg.connect(own_databases.platform_url, autocommit=True) as listener:
        listener.execute("listen bidproof_outbox")
        document = a_document(records)
        heard(listener, own_databases)
        with pytest.raises(RuntimeError), records.transaction():
            an_ingest_job(records, document)
            raise RuntimeError("rolled back")
        records.trail.audit("nothing.published", "document", document.document_id)
        assert heard(listener, own_databases) == 0
    worker.start()
    try:
        wait_for(lambda: len(calls) >= 1)  # its first turn; the next one is tomorrow
        seen = len(calls)
        an_ingest_job(records, document)
        wait_for(lambda: len(calls) > seen)
    finally:
        assert worker.stop(30)
        services.close()


def test_a_commit_stands_although_nobody_can_be_woken(
    databases: Databases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    services = LocalServices(settings_for(databases, tmp_path))
    records = services.bind(Actor(tenant_id=new_tenant(databases), actor_id="system", kind="system")).records
    services.platform_pool.close()
    job = an_ingest_job(records, a_document(records))
    assert records.jobs.get(job.job_id).status == "queued"
    assert "BP_OUTBOX_NUDGE_LOST" in caplog.text
    services.close()
