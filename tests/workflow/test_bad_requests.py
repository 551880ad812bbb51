"""Requests that must not work, against the running product: each has its code, and nothing changes (A6-A12, A104)."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.local.demo_decisions import quote_of
from infra.local.demo_documents import BidFiles, DemoProject
from infra.local.demo_run import Entered, enter, start_evaluations, waiting_reviews
from shared.adapters.system import SystemClock
from tests.workflow.live_product import Live, live_product
from tests.workflow.up_process import write_pack

BID = """1 Bid for shelving

Bidder: Northwind Archive Systems Ltd.

2 Certificates

A certificate of our quality management according to ISO 9001 is enclosed.

3 Method of assembly

The shelving is assembled on site by our own staff, bay by bay, in five steps.
"""
NOWHERE = "0" * 26


@dataclass
class Waiting:
    """An evaluation that waits for a person."""

    live: Live
    entered: Entered
    evaluation_id: str
    review_id: str
    job_id: str
    document_id: str
    chunk_id: str

    def claim(self) -> dict[str, Any]:
        """Claim the review and return the request that answers it."""
        client = self.live.client
        criteria = client.call("GET", f"/evaluations/{self.evaluation_id}/criteria", role="evaluator")["items"]
        judged = next(one for one in criteria if one["criterion_code"] == "J-1")
        edit = {
            "criterion_id": judged["criterion_id"],
            "outcome": "partial",
            "score": "60",
            "reason": "Five steps are named, none is described.",
            "citations": [quote_of(client, judged, "five steps")],
        }
        token = client.call("POST", f"/reviews/{self.review_id}/claim", {}, role="evaluator")["resume_token"]
        return {
            "decision": "edit_scores",
            "comment": "Decided once and for all.",
            "edits": [edit],
            "resume_token": token,
        }


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_product(tmp_path_factory.mktemp("requests") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def waiting(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Waiting:
    folder = tmp_path_factory.mktemp("bid")
    (folder / "bid.txt").write_text(BID)
    source = DemoProject(
        key="own",
        name="Shelving",
        language="en",
        currency="EUR",
        rules=write_pack(folder / "rules.json"),
        tender=[],
        bids={"N-1": BidFiles("Northwind", [folder / "bid.txt"])},
    )
    entered = enter(live.client, source, "once")
    (ingest,) = entered.jobs.values()
    document = live.job(ingest)
    assert document["status"] == "succeeded", document
    (job_id,) = start_evaluations(live.client, entered).values()
    assert live.job(job_id)["waiting_on"], live.job(job_id)
    (evaluation_id,) = entered.evaluations.values()
    review_id = waiting_reviews(live.client, entered)[evaluation_id]["review_id"]
    document_id = document["resource"]["id"]
    chunk_id = live.client.call("GET", f"/documents/{document_id}/chunks")["items"][0]["chunk_id"]
    return Waiting(live, entered, evaluation_id, review_id, job_id, document_id, chunk_id)


def counts(live: Live) -> list[dict[str, Any]]:
    """Rows of everything a forbidden request could have made."""
    tables = ("projects", "upload_sessions", "rule_pack_versions", "evaluations", "review_decisions", "reports", "jobs")
    return [live.rows(f"select '{table}' as kind, count(*) from {table}")[0] for table in tables]


def test_a_rule_pack_with_an_unknown_operator_leaves_no_version(live: Live, tmp_path: Path) -> None:
    payload = json.loads(write_pack(tmp_path / "rules.json").read_text())
    payload["criteria"][0]["test"]["op"] = "roughly"
    pack = live.client.call("POST", "/rule-packs", {"code": "OPS", "name": "Operators"})
    path = f"/rule-packs/{pack['rule_pack_id']}"
    status, error = live.refused("POST", f"{path}/versions", {"payload": payload})
    assert (status, error["code"]) == (422, "RULE_OPERATOR_UNKNOWN")
    assert error["details"]["path"] == "$.criteria[0].test.op"
    assert live.client.call("GET", path)["versions"] == []
    payload["criteria"][0]["test"]["op"] = "exists"
    assert live.client.call("POST", f"{path}/versions", {"payload": payload})["version"] == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_expired_token_is_refused_and_changes_nothing(live: Live, waiting: Waiting, method: str) -> None:
    before = counts(live)
    body = {"code": "LATE", "name": "Late", "currency": "EUR"} if method == "POST" else None
    answer = live.ask(method, "/projects", body, token=live.old_token("agent"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AUTH_UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert counts(live) == before
    assert live.ask("GET", "/projects").status_code == 200


def test_an_expired_token_cannot_answer_a_review(live: Live, waiting: Waiting) -> None:
    path = f"/reviews/{waiting.review_id}"
    status, error = live.refused("POST", f"{path}/claim", {}, token=live.old_token("evaluator"))
    assert (status, error["code"]) == (401, "AUTH_UNAUTHORIZED")
    assert live.client.call("GET", path, role="evaluator")["status"] == "open"


def test_ids_of_another_tenant_look_like_ids_that_nobody_has(live: Live, waiting: Waiting) -> None:
    _, foreign = live.other_tenant()
    before = counts(live)
    project_id = waiting.entered.project_id
    supplier_id = next(iter(waiting.entered.suppliers.values()))
    pack_id = waiting.entered.rule_pack["id"]
    paths: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", f"/projects/{project_id}", None),
        ("GET", f"/projects/{project_id}/matrix", None),
        ("GET", f"/suppliers/{supplier_id}", None),
        ("GET", f"/rule-packs/{pack_id}", None),
        ("GET", f"/documents/{waiting.document_id}", None),
        ("GET", f"/documents/{waiting.document_id}/raw", None),
        ("GET", f"/documents/{waiting.document_id}/chunks", None),
        ("GET", f"/chunks/{waiting.chunk_id}", None),
        ("GET", f"/evaluations/{waiting.evaluation_id}", None),
        ("GET", f"/evaluations/{waiting.evaluation_id}/criteria", None),
        ("GET", f"/jobs/{waiting.job_id}", None),
        ("POST", f"/jobs/{waiting.job_id}/cancel", {"reason": "not mine"}),
        ("GET", f"/reviews/{waiting.review_id}", None),
        ("POST", f"/reviews/{waiting.review_id}/claim", {}),
        ("POST", f"/projects/{project_id}/close", {"reason": "not mine"}),
        ("POST", "/evaluations", {"project_id": project_id, "supplier_id": supplier_id}),
    ]
    for method, path, body in paths:
        status, error = live.refused(method, path, body, token=foreign)
        nobody = json.loads(json.dumps(body).replace(project_id, f"prj_{NOWHERE}")) if body else body
        unknown = "/".join(f"{part[:4]}{NOWHERE}" if part[3:4] == "_" else part for part in path.split("/"))
        assert (status, error) == live.refused(method, unknown, nobody, token=foreign), path
        assert status == 404 and error["code"].endswith("_NOT_FOUND") and error["details"] == {}, path
    assert counts(live) == before
    assert live.client.call("GET", f"/projects/{project_id}")["status"] == "closed"  # by its own agent, for evaluation
    assert live.job(waiting.job_id)["waiting_on"]


def test_nobody_speaks_for_another_tenant(live: Live, waiting: Waiting) -> None:
    tenant, foreign = live.other_tenant()
    body = {"code": "X", "name": "X", "currency": "EUR", "tenant_id": live.prepared.tenant.tenant_id}
    status, error = live.refused("POST", "/projects", body, token=foreign)
    assert (status, error["code"]) == (403, "TENANT_SCOPE_VIOLATION")
    ours = live.prepared.tenant
    forged = live.prepared.issuer.issue(tenant.subjects["admin"], ours.tenant_id, now=SystemClock().now())
    status, error = live.refused("GET", f"/projects/{waiting.entered.project_id}", token=forged)
    assert (status, error["code"]) == (401, "AUTH_UNAUTHORIZED")


def test_a_review_answered_many_times_is_decided_once(live: Live, waiting: Waiting) -> None:
    answer = waiting.claim()
    path = f"/reviews/{waiting.review_id}/submit"
    keys = [f"answer-{number}" for number in range(6)]
    with ThreadPoolExecutor(len(keys)) as threads:
        answers = list(threads.map(lambda key: live.ask("POST", path, answer, role="evaluator", key=key), keys))
    assert sorted(one.status_code for one in answers) == [202] + [409] * 5
    for refused in (one.json()["error"] for one in answers if one.status_code == 409):
        assert refused["code"] == "WF_INTERRUPT_RESUME_INVALID"
        assert refused["details"]["duplicate"] is True
        assert refused["details"]["submitted_by"] == live.prepared.tenant.user_ids["evaluator"]
    assert live.job(waiting.job_id)["status"] == "succeeded"
    won = next(key for key, one in zip(keys, answers, strict=True) if one.status_code == 202)
    first = next(one for one in answers if one.status_code == 202).json()["data"]
    again = live.ask("POST", path, answer, role="evaluator", key=won)
    assert (again.status_code, again.json()["data"]["review"]) == (202, first["review"])  # the same call, not a second
    late = live.refused("POST", f"/evaluations/{waiting.evaluation_id}/resume", answer, role="evaluator")
    assert (late[0], late[1]["code"]) == (409, "WF_INTERRUPT_RESUME_INVALID")
    decided = "select count(*) as n from review_decisions where review_id = %s and action = 'edit'"
    assert live.rows(decided, waiting.review_id) == [{"n": 1}]
    reports = live.client.call("GET", f"/evaluations/{waiting.evaluation_id}/reports")["versions"]
    assert [report["version"] for report in reports] == [1]
