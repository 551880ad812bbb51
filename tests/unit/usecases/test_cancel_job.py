"""CancelJob on a real database."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.cancel_job import CancelJob, cancel_job
from shared.usecases.claim_job import ClaimJob, claim_job
from tests.records import make_records
from tests.releases import Platform
from tests.rows import a_document, an_ingest_job


@pytest.mark.parametrize("running", [False, True])
def test_canceling_ends_job_run_and_document(databases: Databases, running: bool) -> None:
    records = make_records(databases)
    document = a_document(records)
    job = an_ingest_job(records, document)
    run_id = records.jobs.newest_run(job.job_id).run_id
    if running:
        claim_job(ClaimJob(job_id=job.job_id, run_id=run_id), records=records)
    canceled = cancel_job(CancelJob(job_id=job.job_id, reason="wrong file"), records=records)
    assert (canceled.status, canceled.cancel_reason) == ("canceled", "wrong file")
    assert records.jobs.run(run_id).status == "stopped"
    stored = records.documents.get(document.document_id)
    assert (stored.status, stored.error_code) == ("parse_failed", "JOB_CANCELED")
    assert [e["event_type"] for e in records.jobs.events(run_id, after=0, limit=10)][-2:] == [
        "run.canceled",
        "run.closed",
    ]


def test_an_ended_job_cannot_be_canceled(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records))
    cancel_job(CancelJob(job_id=job.job_id, reason="once"), records=records)
    with pytest.raises(Refused) as refusal:
        cancel_job(CancelJob(job_id=job.job_id, reason="twice"), records=records)
    assert refusal.value.code == "JOB_CANCEL_CONFLICT"


@pytest.mark.parametrize(
    ("status", "ends", "told"),
    [
        ("gating", "release_blocked", []),
        ("canary", "canary", ["release_failed"]),
        ("replay_verifying", "rollback_failed", ["release_failed"]),
        ("rollback_failed", "rollback_failed", []),  # that one was told of when it failed
        ("closed", "closed", []),
    ],
)
def test_people_are_told_of_a_canceled_release_that_was_on_its_way(
    platform: Platform, status: str, ends: str, told: list[str]
) -> None:
    records, release = platform.records, platform.started(status=status)
    cancel_job(CancelJob(job_id=release.job_id or "", reason="withdrawn"), records=records)
    rows = records.session.rows(
        "select payload from outbox_events where event_type = 'alert.raised' and aggregate_id = %(id)s",
        id=release.release_id,
    )
    assert [row["payload"]["kind"] for row in rows] == told
    assert (records.releases.get(release.release_id).status, platform.job_status(release)) == (ends, "canceled")
