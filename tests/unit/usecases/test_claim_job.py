"""ClaimJob on a real database."""

import pytest

from infra.local.postgres import Databases
from shared.usecases.claim_job import ClaimJob, claim_job
from shared.usecases.start_release import StartRelease, start_release
from tests.records import clock, ids, make_records
from tests.releases import Platform
from tests.rows import a_document, an_ingest_job


def test_the_newest_run_claims_the_job_and_parsing_begins(databases: Databases) -> None:
    records = make_records(databases)
    document = a_document(records)
    job = an_ingest_job(records, document)
    run_id = records.jobs.newest_run(job.job_id).run_id
    assert claim_job(ClaimJob(job_id=job.job_id, run_id=run_id), records=records).claimed
    claimed = records.jobs.get(job.job_id)
    assert (claimed.status, claimed.claim_token, claimed.stage) == ("running", run_id, "ingest")
    assert records.documents.get(document.document_id).status == "parsing"


def test_claiming_twice_by_one_run_changes_nothing_more(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records))
    command = ClaimJob(job_id=job.job_id, run_id=records.jobs.newest_run(job.job_id).run_id)
    claim_job(command, records=records)
    before = records.jobs.get(job.job_id)
    assert claim_job(command, records=records).claimed
    assert records.jobs.get(job.job_id) == before


def test_a_run_that_is_not_the_newest_is_a_duplicate(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records))
    assert not claim_job(ClaimJob(job_id=job.job_id, run_id=ids.new("run")), records=records).claimed
    assert records.jobs.get(job.job_id).status == "queued"


def test_an_ended_job_is_not_claimed_again(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records))
    records.moves.job(job, "canceled")
    run_id = records.jobs.newest_run(job.job_id).run_id
    assert not claim_job(ClaimJob(job_id=job.job_id, run_id=run_id), records=records).claimed


@pytest.mark.parametrize(("status", "becomes"), [("release_blocked", "gating"), ("release_ready", "release_ready")])
def test_a_release_that_stands_behind_its_gate_is_claimed_as_it_is(
    platform: Platform, status: str, becomes: str
) -> None:
    release = platform.draft(status=status)
    asked = StartRelease(release_id=release.release_id)
    made = start_release(asked, records=platform.records, ids=ids, clock=clock)
    assert claim_job(ClaimJob(job_id=made.job.job_id, run_id=made.run_id or ""), records=platform.records).claimed
    assert platform.records.releases.get(release.release_id).status == becomes
