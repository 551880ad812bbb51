"""Approvals and dead letters over HTTP with two real people (spec A114-A121, S63-S74, W104-W106)."""

import json
from typing import Any

import pytest

from shared.domain.ids import hash_id
from shared.usecases.claim_job import ClaimJob, claim_job
from shared.usecases.record_failure import RecordFailure, record_failure
from tests.handlers.api_server import Api
from tests.records import clock, ids
from tests.rows import a_document, an_ingest_job

CAUSE = json.dumps(
    {"errorType": "Permanent", "errorMessage": "broken", "code": "DOC_PARSE_PDF_CORRUPT", "details": {"token": "t-1"}}
)
NOTHING = f"dlq_{'0' * 26}"


@pytest.fixture
def item(api: Api) -> str:
    """The dead letter of a failed ingest job."""
    return dead_letter(api)


def dead_letter(api: Api) -> str:
    records = api.records("agent")
    job = an_ingest_job(records, a_document(records))
    run_id = records.jobs.newest_run(job.job_id).run_id
    claim_job(ClaimJob(job_id=job.job_id, run_id=run_id), records=records)
    records.jobs.note_attempt(run_id, "InspectFile", "", 0, started_at=clock.now())
    command = RecordFailure(job_id=job.job_id, run_id=run_id, error="Permanent", cause=CAUSE)
    found = record_failure(command, records=records, clock=clock, ids=ids).dlq_id
    assert found is not None
    return found


def another_admin(api: Api, name: str = "admin2", *roles: str) -> str:
    """A second person who is an admin too; the role name to call as."""
    subject, user_id = f"{api.tenant.code}-{name}", hash_id("usr", api.tenant.code, name)
    api.tenant.subjects[name], api.tenant.user_ids[name] = subject, user_id
    api.as_owner(
        """insert into users (user_id, issuer, subject, email, display_name, locale)
           values (%s, %s, %s, %s, %s, 'en')""",
        user_id,
        api.server.services.settings.issuer,
        subject,
        f"{name}@example.com",
        name,
    )
    for role in roles or ("admin",):
        api.as_owner(
            "insert into role_grants (grant_id, principal_id, role, scope) values (%s, %s, %s, 'tenant')",
            hash_id("grn", api.tenant.code, name, role),
            user_id,
            role,
        )
    return name


def asked(api: Api, item: str, reason: str = "Cannot be read", role: str = "admin") -> Any:
    body = {
        "action": "discard_dead_letter",
        "resource": {"type": "dead_letter", "id": item},
        "subject": {"reason": reason},
        "reason": "The file is broken for good",
    }
    return api.ok("POST", "/approvals", body, role=role)


def vote(api: Api, approval: Any, role: str, verb: str = "approve") -> tuple[int, str]:
    answer = api.call("POST", f"/approvals/{approval['approval_id']}/{verb}", {"reason": "agreed"}, role=role)
    body = answer.json()
    return answer.status_code, body["data"]["status"] if answer.status_code < 300 else body["error"]["code"]


def discard(api: Api, item: str, approval_id: str | None, reason: str = "Cannot be read") -> tuple[int, str]:
    body = {"reason": reason} | ({"approval_id": approval_id} if approval_id else {})
    answer = api.call("POST", f"/dlq/items/{item}/discard", body, role="admin")
    shown = answer.json()
    return answer.status_code, shown["data"]["status"] if answer.status_code < 300 else shown["error"]["code"]


def test_a_dead_letter_is_listed_and_shown_with_cause_attempts_and_no_secret(api: Api, item: str) -> None:
    for query in (
        {"status": "open"},
        {"kind": "job"},
        {"code": "DOC_PARSE_PDF_CORRUPT"},
        {"job_type": "ingest_document"},
    ):
        assert [i["dlq_id"] for i in api.ok("GET", "/dlq/items", role="auditor", **query)["items"]] == [item]
    for query in ({"status": "discarded"}, {"kind": "message"}, {"code": "INTERNAL_ERROR"}):
        assert api.ok("GET", "/dlq/items", **query)["items"] == []
    shown = api.ok("GET", f"/dlq/items/{item}", role="evaluator")
    assert (shown["cause"]["code"], shown["cause"]["details"]) == ("DOC_PARSE_PDF_CORRUPT", {"token": "[redacted]"})
    assert [(a["step"], a["attempt"]) for a in shown["attempts"]] == [("InspectFile", 0)]
    assert api.refused("GET", f"/dlq/items/{item}", role="viewer") == (403, "AUTH_FORBIDDEN")
    assert api.refused("GET", f"/dlq/items/{NOTHING}") == (404, "DLQ_ITEM_NOT_FOUND")


def test_another_tenant_sees_neither_dead_letter_nor_approval(api: Api, other: Api, item: str) -> None:
    approval = asked(api, item)
    assert other.refused("GET", f"/dlq/items/{item}", role="admin") == (404, "DLQ_ITEM_NOT_FOUND")
    path = f"/approvals/{approval['approval_id']}"
    assert other.refused("GET", path, role="admin") == (404, "APPROVAL_NOT_FOUND")
    assert other.refused("POST", f"{path}/approve", {"reason": "x"}, role="admin") == (404, "APPROVAL_NOT_FOUND")


def test_a_requeue_makes_one_new_job_and_queues_the_document(api: Api, item: str) -> None:
    path = f"/dlq/items/{item}/requeue"
    assert api.refused("POST", path, {"reason": "x"}, role="evaluator") == (403, "AUTH_FORBIDDEN")
    patched = api.call("POST", path, {"reason": "x", "patch": {"parse_route": "ocr"}})
    assert patched.json()["error"]["details"]["fields"] == [{"field": "body.patch.parse_route", "rule": "not_allowed"}]
    answer = api.call("POST", path, {"reason": "mended"}, key="requeue-it")
    again = api.call("POST", path, {"reason": "mended"}, key="requeue-it")
    made = answer.json()["data"]
    assert answer.status_code == 202 and again.json() == answer.json()
    job = api.ok("GET", f"/jobs/{made['job_id']}")
    shown = api.ok("GET", f"/dlq/items/{item}")
    assert (job["status"], job["requeue_of"]) == ("queued", shown["job_id"])
    assert (shown["status"], shown["new_job_id"]) == ("requeued", made["job_id"])
    document = api.records().documents.get(made["resource"]["id"])
    assert (document.status, document.error_code) == ("parse_queued", None)
    assert api.refused("POST", path, {"reason": "again"}) == (409, "DLQ_REQUEUE_CONFLICT")
    assert api.refused("POST", f"/dlq/items/{item}/replay", {"reason": "x"}, role="admin") == (
        409,
        "DLQ_REPLAY_CONFLICT",
    )
    assert discard(api, item, None) == (409, "DLQ_DISCARD_CONFLICT")


def test_one_person_alone_cannot_discard(api: Api, item: str) -> None:
    assert discard(api, item, None) == (403, "APPROVAL_REQUIRED")
    approval = asked(api, item)
    assert discard(api, item, approval["approval_id"]) == (403, "APPROVAL_REQUIRED")
    assert vote(api, approval, "admin") == (403, "APPROVAL_SELF_FORBIDDEN")
    assert vote(api, approval, "agent") == (403, "AUTH_FORBIDDEN")
    assert vote(api, approval, "auditor") == (403, "AUTH_FORBIDDEN")
    assert api.ok("GET", f"/dlq/items/{item}")["status"] == "open"
    denied = [action for action, result in api.audit_actions() if result == "denied"]
    assert denied.count("dead_letter.discard") == 2 and denied.count("approval.vote") == 3


def test_two_people_discard_once_and_the_document_stays_failed(api: Api, item: str) -> None:
    second = another_admin(api)
    approval = asked(api, item)
    assert approval["votes_needed"] == 1 and len(approval["subject_hash"]) == 64
    waiting = api.ok("GET", "/approvals", role=second, waiting_for_me="true")["items"]
    assert [a["approval_id"] for a in waiting] == [approval["approval_id"]]
    assert api.ok("GET", "/approvals", role="admin", waiting_for_me="true")["items"] == []
    assert vote(api, approval, second) == (200, "approved")
    assert vote(api, approval, second) == (409, "APPROVAL_STATE_CONFLICT")
    assert discard(api, item, approval["approval_id"], reason="Another reason") == (409, "APPROVAL_SUBJECT_CHANGED")
    assert discard(api, item, approval["approval_id"]) == (200, "discarded")
    assert discard(api, item, approval["approval_id"]) == (409, "DLQ_DISCARD_CONFLICT")
    shown = api.ok("GET", f"/dlq/items/{item}")
    assert (shown["approval_id"], shown["reason"]) == (approval["approval_id"], "Cannot be read")
    job = api.ok("GET", f"/jobs/{shown['job_id']}")
    assert (job["status"], api.records().documents.get(job["resource"]["id"]).status) == ("failed", "parse_failed")
    assert api.refused("POST", f"/dlq/items/{item}/requeue", {"reason": "x"}) == (409, "DLQ_REQUEUE_CONFLICT")
    events = [row["event_type"] for row in api.records().session.rows("select event_type from outbox_events")]
    assert [events.count(f"approval.{kind}") for kind in ("requested", "decided", "executed")] == [1, 1, 1]
    assert events.count("dlq.discarded") == 1


def test_an_approval_serves_one_dead_letter_only(api: Api, item: str) -> None:
    second, twin = another_admin(api), dead_letter(api)
    approval = asked(api, item)
    vote(api, approval, second)
    assert discard(api, twin, approval["approval_id"]) == (403, "APPROVAL_REQUIRED")
    assert discard(api, twin, f"apr_{'0' * 26}") == (403, "APPROVAL_REQUIRED")


def test_a_rejection_and_a_withdrawal_end_it_for_good(api: Api, item: str) -> None:
    second, third = another_admin(api), another_admin(api, "admin3")
    rejected = asked(api, item)
    assert vote(api, rejected, second, "reject") == (200, "rejected")
    assert vote(api, rejected, third) == (409, "APPROVAL_STATE_CONFLICT")
    assert discard(api, item, rejected["approval_id"]) == (403, "APPROVAL_REQUIRED")
    withdrawn = asked(api, item)
    path = f"/approvals/{withdrawn['approval_id']}/withdraw"
    assert api.refused("POST", path, {"reason": "x"}, role=second) == (403, "AUTH_FORBIDDEN")
    assert api.ok("POST", path, {"reason": "x"}, role="admin")["status"] == "withdrawn"
    assert vote(api, withdrawn, second) == (409, "APPROVAL_STATE_CONFLICT")


def test_a_tenant_may_ask_for_two_votes_and_one_person_gives_one(api: Api, item: str) -> None:
    second, third = another_admin(api), another_admin(api, "admin3", "admin", "evaluator")
    api.as_owner("update tenants set settings = settings || '{\"approval_votes\": 2}'")
    approval = asked(api, item)
    assert approval["votes_needed"] == 2
    assert vote(api, approval, third) == (200, "requested")
    assert vote(api, approval, third) == (409, "APPROVAL_DUPLICATE_VOTE")
    assert discard(api, item, approval["approval_id"]) == (403, "APPROVAL_REQUIRED")
    assert vote(api, approval, second) == (200, "approved")
    assert discard(api, item, approval["approval_id"]) == (200, "discarded")
    assert len(api.ok("GET", f"/approvals/{approval['approval_id']}", role="auditor")["votes"]) == 2


def test_what_changed_after_the_vote_is_not_covered(api: Api, item: str) -> None:
    second = another_admin(api)
    approval = asked(api, item)
    vote(api, approval, second)
    api.as_owner("update dlq_items set row_version = row_version + 1")
    assert discard(api, item, approval["approval_id"]) == (409, "APPROVAL_SUBJECT_CHANGED")


def test_after_72_hours_an_approval_is_worth_nothing(api: Api, item: str) -> None:
    second = another_admin(api)
    approved, open_one = asked(api, item), asked(api, item, reason="Other")
    vote(api, approved, second)
    api.as_owner("alter table approvals disable trigger approval_is_voted")
    api.as_owner("update approvals set expires_at = clock_timestamp() where tenant_id = %s", api.tenant.tenant_id)
    api.as_owner("alter table approvals enable trigger approval_is_voted")
    assert discard(api, item, approved["approval_id"]) == (409, "APPROVAL_EXPIRED")
    assert vote(api, open_one, second) == (409, "APPROVAL_EXPIRED")
    assert {a["status"] for a in api.ok("GET", "/approvals", role="admin")["items"]} == {"expired"}
    assert asked(api, item)["status"] == "requested"


def test_a_request_names_an_executable_action_its_resource_and_exact_parameters(api: Api, item: str) -> None:
    good = {
        "action": "discard_dead_letter",
        "resource": {"type": "dead_letter", "id": item},
        "subject": {"reason": "r"},
        "reason": "x",
    }
    changes: list[dict[str, Any]] = [
        {"action": "erase_tenant"},
        {"action": "made_up"},
        {"resource": {"type": "report", "id": item}},
        {"subject": {}},
        {"subject": {"reason": "r", "more": 1}},
    ]
    for change in changes:
        assert api.refused("POST", "/approvals", good | change, role="admin") == (400, "REQ_VALIDATION_FAILED"), change
    assert api.refused("POST", "/approvals", good, role="evaluator") == (403, "AUTH_FORBIDDEN")
    assert api.refused("POST", "/approvals", good, role="viewer") == (403, "AUTH_FORBIDDEN")
    missing = good | {"resource": {"type": "dead_letter", "id": NOTHING}}
    assert api.refused("POST", "/approvals", missing, role="admin") == (404, "DLQ_ITEM_NOT_FOUND")
    assert api.ok("POST", "/approvals", good, role="admin")["status"] == "requested"
    assert api.refused("POST", "/approvals", good, role="admin") == (409, "APPROVAL_STATE_CONFLICT")
    assert api.ok("GET", "/approvals", role="evaluator")["items"] == []
    assert len(api.ok("GET", "/approvals", role="admin", mine="true")["items"]) == 1
