"""Exports over HTTP (spec A108)."""

import hashlib

import httpx
import pytest

from shared.usecases.work_tasks import claim
from tests.exports import a_report, render
from tests.handlers.api_server import Api
from tests.records import ids

NOWHERE = "0" * 26


def test_an_export_is_asked_for_made_and_fetched_by_its_link(api: Api) -> None:
    seed, report_id = a_report(api.server.databases, api.tenant.tenant_id, objects=api.server.services.objects)
    body = {"kind": "csv", "source": {"type": "report", "id": report_id}}
    answer = api.call("POST", "/exports", body, role="viewer", key="export-once-1")
    made = answer.json()["data"]
    assert answer.status_code == 202 and answer.headers["location"].endswith(made["export_id"])
    assert api.call("POST", "/exports", body, role="viewer", key="export-once-1").json()["data"] == made
    path = f"/exports/{made['export_id']}"
    queued = api.ok("GET", path, role="viewer")
    assert (queued["status"], queued["url"], "object_key" in queued) == ("queued", None, False)
    claimed = claim(seed.records, ids, made["job_id"])
    assert claimed is not None
    render(seed, claimed.job, claimed.run_id)
    ready = api.ok("GET", path, role="viewer")
    content = httpx.get(ready["url"])
    assert ready["status"] == "ready" and ready["expires_at"]
    assert hashlib.sha256(content.content).hexdigest() == ready["sha256"]
    assert ("export.link_issued", "done") in api.audit_actions()
    api.as_owner("update exports set expires_at = clock_timestamp() - interval '1 s'")
    assert api.refused("GET", path, role="viewer") == (410, "EXPORT_EXPIRED")


def test_what_is_not_there_or_another_tenants_is_not_found(api: Api, other: Api) -> None:
    _, report_id = a_report(api.server.databases, api.tenant.tenant_id, objects=api.server.services.objects)
    body = {"kind": "json", "source": {"type": "report", "id": report_id}}
    made = api.ok("POST", "/exports", body)
    assert other.refused("POST", "/exports", body) == (404, "REPORT_NOT_FOUND")
    assert other.refused("GET", f"/exports/{made['export_id']}") == (404, "EXPORT_NOT_FOUND")
    assert api.refused("GET", f"/exports/exp_{NOWHERE}") == (404, "EXPORT_NOT_FOUND")


@pytest.mark.parametrize("kind", ["xlsx", "zip", ""])
def test_a_kind_that_is_not_made_is_refused(api: Api, kind: str) -> None:
    body = {"kind": kind, "source": {"type": "report", "id": f"rpt_{NOWHERE}"}}
    assert api.refused("POST", "/exports", body) == (400, "REQ_VALIDATION_FAILED")
