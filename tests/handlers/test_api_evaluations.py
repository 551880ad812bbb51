"""Documents, evaluations, reviews and reports over HTTP, on rows that the real steps wrote (spec A65-A72, A91-A106)."""

import hashlib
from typing import Any

import httpx
import pytest

from tests.evaluation_seed import Seed, criterion
from tests.handlers.api_server import Api

TEXT = "Delivery period: 60 calendar days from signature of the contract.\nWarranty period: 36 months"
NOWHERE = "0" * 26


def a_seed(api: Api) -> Seed:
    limit = criterion(
        "T-01",
        "numeric_limit",
        points="60",
        test={"fact": "delivery_period", "op": "le", "value": {"amount": "60", "unit": "calendar_day"}},
    )
    judged = criterion(
        "T-02", "judged", points="40", rubric={"bands": {"full": "a", "not_met": "b"}}, queries=["method"]
    )
    seed = Seed(api.records("agent"), [limit, judged], url=api.server.databases.app_url)
    seed.objects = api.server.services.objects  # type: ignore[assignment]
    return seed


@pytest.fixture
def seed(api: Api) -> Seed:
    return a_seed(api)


@pytest.fixture
def waiting(seed: Seed) -> dict[str, Any]:
    """An evaluation that waits for a person: its ids."""
    supplier_id = seed.bid("S-1", TEXT, "The method is described in detail. Our own staff assembles it.")
    started, scored = seed.suggest(supplier_id)
    assert scored.needs_human_review
    review_id = seed.ask(started)
    return {
        "evaluation": started.evaluation.evaluation_id,
        "run": started.run_id,
        "job": started.job.job_id,
        "supplier": supplier_id,
        "review": review_id,
    }


def edit(criteria: list[dict[str, Any]], chunk_id: str) -> dict[str, Any]:
    quote = {"chunk_id": chunk_id, "quote": "Our own staff assembles it."}
    judged = next(c for c in criteria if c["criterion_code"] == "T-02")
    return {
        "criterion_id": judged["criterion_id"],
        "score": "30",
        "outcome": "partial",
        "reason": "Described, not planned.",
        "citations": [quote],
    }


def test_a_document_shows_its_pages_chunks_and_facts(api: Api, seed: Seed) -> None:
    supplier_id = seed.bid("S-1", TEXT, "Second page")
    document = api.ok("GET", "/documents", supplier_id=supplier_id, status="indexed")["items"][0]
    path = f"/documents/{document['document_id']}"
    assert api.ok("GET", path)["parse"]["status"] == "succeeded"
    assert [page["number"] for page in api.ok("GET", f"{path}/pages", **{"from": 2})["items"]] == [2]
    chunks = api.ok("GET", f"{path}/chunks", limit=1)
    rest = api.ok("GET", f"{path}/chunks", limit=1, cursor=chunks["next_cursor"])
    assert chunks["items"][0]["text"] == TEXT and rest["items"][0]["text"] == "Second page" and not rest["has_more"]
    assert chunks["items"][0]["positions"][0] == {
        "page": 1,
        "box": [72.0, 72.0, 520.0, 84.0],
        "start": 0,
        "end": 65,
        "locator": None,
    }
    assert [c["text"] for c in api.ok("GET", f"{path}/chunks", page=2)["items"]] == ["Second page"]
    assert api.ok("GET", f"{path}/blocks")["items"] == []
    one = api.ok("GET", f"/chunks/{chunks['items'][0]['chunk_id']}")
    assert (one["filename"], one["page"], one["text"]) == ("bid.txt", 1, TEXT)
    facts = api.ok("GET", "/facts", supplier_id=supplier_id, field="delivery_period")["items"]
    assert facts and facts[0]["value"] == {"amount": "60"} and facts[0]["raw_text"] in TEXT


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"/documents/doc_{NOWHERE}", "DOC_NOT_FOUND"),
        (f"/documents/doc_{NOWHERE}/raw", "DOC_NOT_FOUND"),
        (f"/documents/doc_{NOWHERE}/pages", "DOC_NOT_FOUND"),
        (f"/documents/doc_{NOWHERE}/chunks", "DOC_NOT_FOUND"),
        (f"/documents/doc_{NOWHERE}/blocks", "DOC_NOT_FOUND"),
        (f"/chunks/chk_{NOWHERE}", "CHUNK_NOT_FOUND"),
        (f"/citations/cit_{NOWHERE}", "CITATION_NOT_FOUND"),
        (f"/evaluations/evl_{NOWHERE}", "EVALUATION_NOT_FOUND"),
        (f"/evaluations/evl_{NOWHERE}/criteria", "EVALUATION_NOT_FOUND"),
        (f"/evaluations/evl_{NOWHERE}/criteria/crt_{NOWHERE}", "EVALUATION_NOT_FOUND"),
        (f"/evaluations/evl_{NOWHERE}/reports", "EVALUATION_NOT_FOUND"),
        (f"/evaluations/evl_{NOWHERE}/events", "EVALUATION_NOT_FOUND"),
        (f"/projects/prj_{NOWHERE}/matrix", "PROJECT_NOT_FOUND"),
        (f"/reviews/rev_{NOWHERE}", "REVIEW_NOT_FOUND"),
        (f"/reports/rpt_{NOWHERE}", "REPORT_NOT_FOUND"),
        (f"/reports/rpt_{NOWHERE}/pdf", "REPORT_NOT_FOUND"),
        (f"/jobs/job_{NOWHERE}", "JOB_NOT_FOUND"),
        (f"/runs/run_{NOWHERE}", "RUN_NOT_FOUND"),
        (f"/runs/run_{NOWHERE}/events", "RUN_NOT_FOUND"),
    ],
)
def test_what_is_not_there_has_its_own_code(api: Api, path: str, code: str) -> None:
    assert api.refused("GET", path, role="admin") == (404, code)


def test_starting_an_evaluation_answers_before_anything_of_it_exists(api: Api, seed: Seed) -> None:
    supplier_id = seed.bid("S-1", TEXT)
    body = {
        "project_id": seed.project.project_id,
        "supplier_id": supplier_id,
        "rule_pack": {"id": seed.pack.rule_pack_id, "version": 1},
    }
    answer = api.call("POST", "/evaluations", body, role="evaluator")
    data = answer.json()["data"]
    assert answer.status_code == 202 and answer.headers["location"] == data["links"]["job"]
    assert data["status"] == "queued" and data["resource"] == {"type": "evaluation", "id": data["evaluation_id"]}
    shown = api.ok("GET", f"/evaluations/{data['evaluation_id']}")
    assert (shown["status"], shown["counts"], shown["plan_id"]) == ("queued", {}, data["plan_id"])
    assert [c["outcome"] for c in api.ok("GET", f"/evaluations/{data['evaluation_id']}/criteria")["items"]] == [
        None,
        None,
    ]
    listed = api.ok("GET", "/evaluations", project_id=body["project_id"], status="queued")["items"]
    assert [e["evaluation_id"] for e in listed] == [data["evaluation_id"]]
    assert api.refused("POST", "/evaluations", body) == (409, "EVALUATION_DUPLICATE")
    rerun = api.ok("POST", "/evaluations", body | {"rerun_of": data["evaluation_id"]})
    assert rerun["plan_id"] == data["plan_id"]
    changed = body | {"expected_plan_id": "other", "rerun_of": data["evaluation_id"]}
    assert api.refused("POST", "/evaluations", changed) == (409, "EVALUATION_PLAN_CONFLICT")


def test_an_evaluation_that_cannot_run_is_refused_without_a_job(api: Api, seed: Seed) -> None:
    pack = {"id": seed.pack.rule_pack_id, "version": 1}
    indexed, parsing, failed, nothing = (
        seed.bid("S-1", TEXT),
        seed.bid("S-2", "a", status="parsing"),
        seed.bid("S-3", "b", status="parse_failed"),
        seed.bid("S-4"),
    )

    def refusal(supplier_id: str, **changed: Any) -> str:
        body = {"project_id": seed.project.project_id, "supplier_id": supplier_id, "rule_pack": pack}
        return api.refused("POST", "/evaluations", body | changed)[1]

    assert refusal(parsing) == "DOC_NOT_INDEXED"
    assert refusal(failed) == refusal(nothing) == "BID_INCOMPLETE"
    assert refusal(f"sup_{NOWHERE}") == "SUPPLIER_NOT_FOUND"
    assert refusal(indexed, project_id=f"prj_{NOWHERE}") == "PROJECT_NOT_FOUND"
    assert refusal(indexed, rule_pack={"id": f"rpk_{NOWHERE}", "version": 1}) == "RULE_PACK_NOT_FOUND"
    assert refusal(indexed, rule_pack=None) == "RULE_PACK_NOT_FOUND"
    api.as_owner("insert into suppliers (supplier_id, code, name) values (%s, 'S-9', 'Guest')", f"sup_{'1' * 26}")
    assert refusal(f"sup_{'1' * 26}") == "BID_NOT_FOUND"
    api.as_owner("update rule_pack_versions set status = 'retired'")
    assert refusal(indexed) == "RULE_PACK_NOT_ACTIVE"
    api.as_owner("update projects set status = 'archived'")
    assert refusal(indexed) == "PROJECT_CLOSED"
    assert api.ok("GET", "/jobs")["items"] == []


def test_verdicts_cite_their_source(api: Api, waiting: dict[str, Any]) -> None:
    path = f"/evaluations/{waiting['evaluation']}"
    shown = api.ok("GET", path)
    assert shown["status"] == "needs_manual_decision" and shown["review_id"] == waiting["review"]
    assert shown["counts"] == {"pass": 1, "needs_human": 1} and shown["open_reasons"]
    first, second = api.ok("GET", f"{path}/criteria")["items"]
    cited = first["claims"][0]["citations"][0]
    assert (first["outcome"], first["score"], cited["filename"]) == ("pass", "60", "bid.txt")
    assert second["score"] is None and second["evidence_pack"]["items"]
    source = api.ok("GET", f"/citations/{cited['citation_id']}", role="viewer")
    assert source["quote"] == cited["quote"] and source["page_size"] == {"width": "595", "height": "842"}
    assert source["quote"] in TEXT and source["context"]["before"] + source["quote"] in TEXT
    detail = api.ok("GET", f"{path}/criteria/{first['criterion_id']}")
    assert len(detail["revisions"]) == 1 and detail["requirement"] == "Requirement T-01"
    assert api.refused("GET", f"{path}/criteria/crt_{NOWHERE}") == (404, "CRITERION_NOT_FOUND")


def test_the_matrix_shows_criteria_by_bidders_to_those_who_decide(
    api: Api, seed: Seed, waiting: dict[str, Any]
) -> None:
    path = f"/projects/{seed.project.project_id}/matrix"
    matrix = api.ok("GET", path, role="evaluator")
    assert [s["code"] for s in matrix["suppliers"]] == ["S-1"] and [c["code"] for c in matrix["criteria"]] == [
        "T-01",
        "T-02",
    ]
    assert {c["criterion_code"]: c["outcome"] for c in matrix["cells"]} == {"T-01": "pass", "T-02": "needs_human"}
    assert api.refused("GET", path, role="viewer") == (403, "AUTH_FORBIDDEN")


def test_a_review_is_claimed_renewed_released_and_answered_once(api: Api, seed: Seed, waiting: dict[str, Any]) -> None:
    at = f"/reviews/{waiting['review']}"
    listed = api.ok("GET", "/reviews", role="evaluator", project_id=seed.project.project_id, status="open")
    assert [r["review_id"] for r in listed["items"]] == [waiting["review"]]
    assert api.refused("GET", at, role="agent") == (403, "AUTH_FORBIDDEN")
    assert api.refused("POST", f"{at}/renew", {}, role="evaluator") == (409, "REVIEW_CLAIM_LOST")
    claimed = api.ok("POST", f"{at}/claim", {}, role="evaluator")
    assert claimed["resume_token"].startswith("rt_") and "resume_token_hash" not in claimed["review"]
    assert api.refused("POST", f"{at}/claim", {}, role="admin") == (409, "REVIEW_CLAIM_CONFLICT")
    assert api.ok("POST", f"{at}/renew", {}, role="evaluator")["lease"]["expires_at"] > claimed["lease"]["expires_at"]
    assert api.ok("POST", f"{at}/release", {}, role="evaluator")["review"]["status"] == "open"
    token = api.ok("POST", f"{at}/claim", {}, role="evaluator")["resume_token"]
    criteria = api.ok("GET", f"/evaluations/{waiting['evaluation']}/criteria")["items"]
    chunk_id = criteria[1]["evidence_pack"]["items"][0]["chunk_id"]
    chunk_id = next(
        i["chunk_id"]
        for i in criteria[1]["evidence_pack"]["items"]
        if "own staff" in api.ok("GET", f"/chunks/{i['chunk_id']}")["text"]
    )
    answer = {"decision": "edit_scores", "comment": "Read and decided.", "edits": [edit(criteria, chunk_id)]}
    stale = answer | {"resume_token": claimed["resume_token"]}
    assert api.refused("POST", f"{at}/submit", stale, role="evaluator") == (409, "WF_INTERRUPT_RESUME_INVALID")
    done = api.call("POST", f"{at}/submit", answer | {"resume_token": token}, role="evaluator", key="answer-01")
    assert done.status_code == 202 and done.json()["data"]["job"]["job_id"] == waiting["job"]
    replay = api.call("POST", f"{at}/submit", answer | {"resume_token": token}, role="evaluator", key="answer-01")
    assert replay.json() == done.json()
    second = api.call(
        "POST", f"/evaluations/{waiting['evaluation']}/resume", answer | {"resume_token": token}, role="evaluator"
    )
    details = second.json()["error"]["details"]
    assert (second.status_code, details["duplicate"], details["submitted_by"]) == (
        409,
        True,
        api.tenant.user_ids["evaluator"],
    )
    shown = api.ok("GET", at, role="auditor")
    assert shown["status"] == "submitted" and shown["decisions"][-1]["score"] == "30"


def test_answers_that_may_not_be_stored_have_their_codes(api: Api, waiting: dict[str, Any]) -> None:
    at = f"/reviews/{waiting['review']}"
    criteria = api.ok("GET", f"/evaluations/{waiting['evaluation']}/criteria")["items"]
    good = edit(criteria, criteria[1]["evidence_pack"]["items"][0]["chunk_id"])
    token = api.ok("POST", f"{at}/claim", {}, role="evaluator")["resume_token"]

    def refusal(decision: str = "edit_scores", **changed: Any) -> tuple[int, str]:
        edits = [] if decision == "approve" else [good | changed]
        body = {"resume_token": token, "decision": decision, "comment": "Read and decided.", "edits": edits}
        return api.refused("POST", f"{at}/submit", body, role="evaluator")

    assert refusal("approve") == (422, "REVIEW_INCOMPLETE")
    assert refusal(score="41") == refusal(score="30.3") == (422, "REVIEW_SCORE_OUT_OF_RANGE")
    assert refusal(citations=[]) == (403, "APPROVAL_REQUIRED")
    assert refusal(criterion_id=f"crt_{NOWHERE}") == (404, "CRITERION_NOT_FOUND")
    assert refusal(citations=[{"chunk_id": f"chk_{NOWHERE}", "quote": "x"}])[0] in (404, 422)
    assert refusal(citations=[{**good["citations"][0], "quote": "never written"}]) == (422, "CITATION_QUOTE_MISMATCH")
    assert refusal(reason="short") == (400, "REQ_VALIDATION_FAILED")
    assert refusal(score=30) == (400, "REQ_VALIDATION_FAILED")
    api.as_owner("update reviews set due_at = now() - interval '1 second'")
    assert refusal() == (410, "WF_INTERRUPT_EXPIRED")
    assert api.refused("POST", f"{at}/claim", {}, role="evaluator") == (410, "WF_INTERRUPT_EXPIRED")


def test_a_report_is_read_with_its_hash_checked_and_its_pdf_linked(
    api: Api, seed: Seed, waiting: dict[str, Any]
) -> None:
    person = api.records("evaluator")
    criteria = api.ok("GET", f"/evaluations/{waiting['evaluation']}/criteria")["items"]
    chunks = [i["chunk_id"] for i in criteria[1]["evidence_pack"]["items"]]
    chunk_id = next(c for c in chunks if "own staff" in api.ok("GET", f"/chunks/{c}")["text"])
    seed.answer(person, waiting["review"], "edit_scores", edit(criteria, chunk_id))
    seed.settle(waiting["evaluation"], waiting["review"])
    report_id = seed.report(waiting["evaluation"]).report_id
    versions = api.ok("GET", f"/evaluations/{waiting['evaluation']}/reports")["versions"]
    assert [v["report_id"] for v in versions] == [report_id] and "object_key" not in versions[0]
    content = api.ok("GET", f"/reports/{report_id}", role="viewer")
    assert content["evaluation_id"] == waiting["evaluation"] and content["totals"]["total"] == "90"
    pdf = api.ok("GET", f"/reports/{report_id}/pdf", role="viewer")
    assert hashlib.sha256(httpx.get(pdf["url"]).content).hexdigest() == pdf["sha256"] == versions[0]["pdf_sha256"]
    assert ("report.link_issued", "done") in api.audit_actions()
    api.as_owner("update reports set sha256 = repeat('0', 64)")
    assert api.refused("GET", f"/reports/{report_id}") == (500, "DATA_CORRUPTED")


def test_another_tenant_sees_nothing_of_it(api: Api, other: Api, waiting: dict[str, Any]) -> None:
    for path in (f"/evaluations/{waiting['evaluation']}", f"/jobs/{waiting['job']}", f"/runs/{waiting['run']}"):
        assert other.call("GET", path, role="admin").status_code == 404
    assert other.refused("POST", f"/reviews/{waiting['review']}/claim", {}, role="admin") == (404, "REVIEW_NOT_FOUND")
    for path in ("/documents", "/evaluations", "/jobs", "/reviews", "/facts"):
        assert other.ok("GET", path, role="admin")["items"] == []
