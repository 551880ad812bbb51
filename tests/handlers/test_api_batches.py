"""Batches over HTTP (spec A113, A118, U54)."""

from typing import Any

import pytest

from shared.usecases.work_tasks import claim
from tests.batches import run_as
from tests.evaluation_seed import Seed
from tests.exports import a_report
from tests.handlers.api_server import Api
from tests.records import ids
from tests.rows import a_document

NOWHERE = "0" * 26


def exports(*reports: str) -> dict[str, Any]:
    return {"kind": "export", "items": [{"kind": "csv", "report_id": report} for report in reports]}


@pytest.fixture
def place(api: Api) -> tuple[Seed, str]:
    """A report of the tenant."""
    return a_report(api.server.databases, api.tenant.tenant_id, objects=api.server.services.objects)


def run(api: Api, seed: Seed, made: dict[str, Any]) -> None:
    claimed = claim(seed.records, ids, made["job_id"])
    assert claimed is not None
    run_as(api.server.databases, claimed.job, claimed.run_id)


def test_a_batch_is_asked_for_counted_and_listed_with_a_code_for_each_item(api: Api, place: tuple[Seed, str]) -> None:
    seed, report = place
    answer = api.call("POST", "/batches", exports(report, f"rpt_{NOWHERE}", report), key="batch-once-1")
    made = answer.json()["data"]
    assert answer.status_code == 202 and answer.headers["location"].endswith(f"/batches/{made['batch_id']}")
    assert (
        api.call("POST", "/batches", exports(report, f"rpt_{NOWHERE}", report), key="batch-once-1").json()["data"]
        == made
    )
    path = f"/batches/{made['batch_id']}"
    assert (made["status"], made["total"], made["open"]) == ("queued", 3, 3)
    assert api.ok("GET", "/jobs", type="batch")["items"][0]["job_id"] == made["job_id"]
    run(api, seed, made)
    shown = api.ok("GET", path, role="admin")
    counted = [shown[name] for name in ("status", "total", "processed", "succeeded", "failed", "canceled", "open")]
    assert counted == ["running", 3, 1, 0, 1, 0, 2]
    items = api.ok("GET", f"{path}/items")["items"]
    assert [(one["item_no"], one["status"], one["error_code"]) for one in items] == [
        (1, "started", None),
        (2, "failed", "REPORT_NOT_FOUND"),
        (3, "started", None),
    ]
    assert items[0]["payload"] == {"kind": "csv", "report_id": report} and items[0]["job_id"]
    assert [one["item_no"] for one in api.ok("GET", f"{path}/items", status="failed")["items"]] == [2]


def test_items_come_in_pages_each_once(api: Api) -> None:
    made = api.ok("POST", "/batches", exports(*[f"rpt_{NOWHERE}"] * 7))
    path, cursor, seen = f"/batches/{made['batch_id']}/items", {}, []
    while True:
        listed = api.ok("GET", path, limit=3, **cursor)
        seen += [one["item_no"] for one in listed["items"]]
        if not listed["has_more"]:
            break
        cursor = {"cursor": listed["next_cursor"]}
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert api.refused("GET", path, cursor="AAAA") == (400, "REQ_CURSOR_INVALID")
    assert api.refused("GET", path, status="failed", **cursor) == (400, "REQ_CURSOR_INVALID")


def test_a_batch_is_canceled_once(api: Api, place: tuple[Seed, str]) -> None:
    seed, report = place
    made = api.ok("POST", "/batches", exports(report))
    path = f"/batches/{made['batch_id']}/cancel"
    assert api.refused("POST", path, {}) == (400, "REQ_VALIDATION_FAILED")
    answer = api.call("POST", path, {"reason": "enough"})
    assert answer.status_code == 202 and answer.json()["data"]["status"] == "canceled"
    assert api.ok("GET", f"/batches/{made['batch_id']}")["canceled"] == 1
    assert api.refused("POST", path, {"reason": "enough"}) == (409, "JOB_CANCEL_CONFLICT")
    assert seed.records.jobs.get(made["job_id"]).status == "canceled"


def test_limits_kinds_and_forms_are_checked_before_anything_is_written(api: Api, place: tuple[Seed, str]) -> None:
    _, report = place
    assert api.refused("POST", "/batches", exports(*[report] * 1001)) == (422, "BATCH_LIMIT_EXCEEDED")
    for body in (
        exports(),
        {"kind": "erase", "items": []},
        {"kind": "export", "items": [{"kind": "exe", "report_id": report}]},
        {"kind": "evaluate", "items": [{"report_id": report}]},
        {"items": []},
    ):
        assert api.refused("POST", "/batches", body) == (400, "REQ_VALIDATION_FAILED")
    assert api.refused("POST", "/batches", exports(report), key=None) == (400, "IDEMPOTENCY_MISSING")
    assert api.records().session.rows("select count(*) as n from batches") == [{"n": 0}]


def test_only_admins_and_agents_of_the_tenant_have_batches(api: Api, other: Api, place: tuple[Seed, str]) -> None:
    _, report = place
    made = api.ok("POST", "/batches", exports(report))
    path = f"/batches/{made['batch_id']}"
    for role in ("viewer", "evaluator"):
        assert api.refused("POST", "/batches", exports(report), role=role) == (403, "AUTH_FORBIDDEN")
        assert api.refused("GET", path, role=role) == (403, "AUTH_FORBIDDEN")
    for tail in ("", "/items"):
        assert other.refused("GET", path + tail) == (404, "BATCH_NOT_FOUND")
    assert other.refused("POST", f"{path}/cancel", {"reason": "x"}) == (404, "BATCH_NOT_FOUND")


def test_an_item_that_the_person_may_not_ask_for_fails_alone(api: Api, place: tuple[Seed, str]) -> None:
    seed, _ = place
    api.as_owner(
        "insert into role_grants (grant_id, principal_id, role, scope, project_id) values (%s, %s, %s, 'project', %s)",
        ids.new("grn"),
        api.tenant.user_ids["agent"],
        "viewer",
        seed.project.project_id,
    )
    supplier = seed.bid("S-9", "Form of tender")
    item = {"project_id": seed.project.project_id, "supplier_id": supplier}
    elsewhere = {"project_id": f"prj_{NOWHERE}", "supplier_id": supplier}
    made = api.ok("POST", "/batches", {"kind": "evaluate", "items": [item, elsewhere]})
    run(api, seed, made)
    items = api.ok("GET", f"/batches/{made['batch_id']}/items")["items"]
    assert [one["error_code"] for one in items] == ["AUTH_FORBIDDEN", "PROJECT_NOT_FOUND"]


def test_documents_are_parsed_again_by_who_may_upload_into_their_projects(api: Api, place: tuple[Seed, str]) -> None:
    seed, _ = place
    document = a_document(seed.records, status="indexed", project_id=seed.project.project_id)
    items = [{"document_id": one, "reason": "newer reader"} for one in (document.document_id, f"doc_{NOWHERE}")]
    made = api.ok("POST", "/batches", {"kind": "parse", "items": items})
    run(api, seed, made)
    shown = api.ok("GET", f"/batches/{made['batch_id']}/items")["items"]
    assert [(one["status"], one["error_code"]) for one in shown] == [("started", None), ("failed", "DOC_NOT_FOUND")]
    assert api.refused("POST", "/batches", {"kind": "parse", "items": items}, role="evaluator")[0] == 403
