"""Dead letters and approvals that a test needs to exist before it begins."""

import json
from typing import Any

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.approvals import Approval
from shared.domain.documents import Document
from shared.domain.jobs import Job
from shared.usecases.claim_job import ClaimJob, claim_job
from shared.usecases.record_failure import RecordFailure, record_failure
from shared.usecases.request_approval import RequestApproval, request_approval
from shared.usecases.vote_approval import VoteApproval, vote_approval
from tests.records import clock, ids, make_records

CAUSE = {"errorType": "Permanent", "errorMessage": "broken", "code": "DOC_PARSE_PDF_CORRUPT", "details": {}}


def an_admin(databases: Databases, tenant: str | None = None) -> PostgresRecords:
    """Records of another person who is an admin of the tenant."""
    return make_records(databases, tenant, roles=frozenset({"admin"}))


def an_envelope(records: PostgresRecords, *, consumer_lane: str = "standard") -> dict[str, Any]:
    """An event of the tenant as consumers see it."""
    job_id = ids.new("job")
    return {
        "event_id": ids.new("evt"),
        "event_type": "job.queued",
        "tenant_id": records.actor.tenant_id,
        "project_id": None,
        "job_id": job_id,
        "aggregate": {"type": "job", "id": job_id, "version": 1},
        "trace_id": "0" * 32,
        "payload": {"lane": consumer_lane},
    }


def a_message(records: PostgresRecords, *, consumer: str = "start_work", lane: str = "standard") -> str:
    """A dead message of the consumer; its dead letter."""
    error = {"code": "DEPENDENCY_UNAVAILABLE", "class": "transient"}
    return records.dead_letters.add_message(
        dlq_id=ids.new("dlq"), consumer=consumer, envelope=an_envelope(records, consumer_lane=lane), error=error
    )


def failed(records: PostgresRecords, job: Job) -> str:
    """Claim the job when it is queued, fail it for good, and give its dead letter."""
    run_id = records.jobs.newest_run(job.job_id).run_id
    claim_job(ClaimJob(job_id=job.job_id, run_id=run_id), records=records)
    command = RecordFailure(job_id=job.job_id, run_id=run_id, error="Permanent", cause=json.dumps(CAUSE))
    found = record_failure(command, records=records, clock=clock, ids=ids).dlq_id
    assert found is not None
    return found


def newest_job(records: PostgresRecords, document: Document) -> Job:
    """The newest job of the document."""
    return records.jobs.list(filters={"resource_id": document.document_id}, before=None, limit=1)[0]


def request(records: PostgresRecords, dlq_id: str, *, reason: str = "r") -> Approval:
    """Ask to discard the dead letter."""
    command = RequestApproval(
        action="discard_dead_letter",
        resource_type="dead_letter",
        resource_id=dlq_id,
        reason="x",
        parameters={"reason": reason},
    )
    return request_approval(command, records=records, ids=ids)


def vote(records: PostgresRecords, approval: Approval, verb: str = "approve") -> Approval:
    """Vote as this person."""
    command = VoteApproval(approval_id=approval.approval_id, vote=verb, reason="read it", jti=ids.new("req"))
    return vote_approval(command, records=records)
