"""RP-001 to RP-005: stored sequences of a job's life, replayed on the real database and compared word for word."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.jobs import Job
from shared.domain.retries import PROFILES
from shared.usecases.record_failure import RecordFailure, record_failure
from shared.usecases.requeue_dead_letter import RequeueDeadLetter, requeue_dead_letter
from tests.records import clock, ids, make_records
from tests.rows import a_document, an_ingest_job

REPLAYS = sorted((Path(__file__).parent / "replays").glob("RP-*.json"))


def take(records: PostgresRecords, job: Job, step: dict[str, str]) -> Job:
    """One step of a replay; the job that the next one is about."""
    run_id = records.jobs.newest_run(job.job_id).run_id
    if "move" in step:
        changes: dict[str, Any] = {}
        if step["move"] == "running":
            changes["claim_token"] = run_id
        if step["move"] == "retrying":
            changes["retry_count"] = job.retry_count + 1
        return records.moves.job(job, step["move"], **changes)
    if "fail" in step:
        cause = {"errorType": step["fail"], "errorMessage": "x", "code": step["code"], "details": {}}
        command = RecordFailure(job_id=job.job_id, run_id=run_id, error=step["fail"], cause=json.dumps(cause))
        record_failure(command, records=records, clock=clock, ids=ids)
        return records.jobs.get(job.job_id)
    again = RequeueDeadLetter(dlq_id=job.dlq_id or "", reason=step["requeue"])
    return requeue_dead_letter(again, records=records, ids=ids, clock=clock).job


@pytest.mark.parametrize("path", REPLAYS, ids=lambda path: path.stem)
def test_a_replay_gives_the_stored_states_audit_actions_and_events(databases: Databases, path: Path) -> None:
    stored = json.loads(path.read_text())
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records))
    for step in stored["steps"]:
        job = take(records, job, step)
    actions = [row["action"] for row in records.session.rows("select action from audit_log order by seq")]
    events = records.session.rows("select event_type from outbox_events order by created_at, event_id")
    assert actions == stored["audit"]
    assert [event["event_type"] for event in events] == stored["events"]
    assert [a.removeprefix("job.") for a in actions if a.startswith("job.")] == stored["states"]
    assert job.status == stored["states"][-1]
    assert job.retry_count == len(stored["delays"])
    assert list(PROFILES["job"].delays[: job.retry_count]) == stored["delays"]
    assert (job.dlq_id is not None) == (stored["states"][-1] == "failed")


def test_all_five_replays_are_stored() -> None:
    assert [path.stem for path in REPLAYS] == [f"RP-00{n}" for n in range(1, 6)]
