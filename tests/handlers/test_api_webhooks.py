"""Webhooks over HTTP (spec A125, A126)."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.handlers.api_server import Api

NEW = {"url": "https://receiver.example/hook", "event_types": ["job.failed", "job.queued"]}
NOWHERE = f"whk_{'0' * 26}"
FIRST = {"If-Match": '"1"'}


def new(api: Api) -> dict[str, Any]:
    made: dict[str, Any] = api.ok("POST", "/webhooks", NEW, role="admin")
    return made


def test_the_secret_is_shown_once_replayed_with_its_key_and_rests_nowhere_in_clear(api: Api) -> None:
    first = api.call("POST", "/webhooks", NEW, role="admin", key="create-webhook-1")
    again = api.call("POST", "/webhooks", NEW, role="admin", key="create-webhook-1")
    made = first.json()["data"]
    assert first.status_code == 201 and first.headers["etag"] == '"1"'
    assert again.json()["data"] == made and again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    listed = api.ok("GET", "/webhooks", role="auditor")["items"]
    assert listed == [{name: value for name, value in made.items() if name != "secret"}]
    session = api.records("admin").session
    for table in ("idempotency_keys", "audit_log", "outbox_events", "webhook_endpoints"):
        assert made["secret"] not in json.dumps(session.rows(f"select * from {table}"), default=str), table


def test_a_webhook_is_changed_rotated_and_deleted(api: Api) -> None:
    made = new(api)
    path = f"/webhooks/{made['endpoint_id']}"
    assert api.refused("PATCH", path, {"status": "paused"}, role="admin") == (428, "REQ_PRECONDITION_REQUIRED")
    paused = api.ok("PATCH", path, {"status": "paused"}, role="admin", headers=FIRST)
    assert (paused["status"], paused["url"], paused["row_version"]) == ("paused", NEW["url"], 2)
    stale = api.refused("PATCH", path, {"status": "active"}, role="admin", headers=FIRST)
    assert stale == (412, "REQ_PRECONDITION_FAILED")
    rotated = api.ok("POST", f"{path}/rotate-secret", role="admin")
    assert rotated["secret"] != made["secret"] and rotated["previous_until"]
    api.ok("DELETE", path, role="admin", headers={"If-Match": '"3"'})
    assert api.ok("GET", "/webhooks", role="admin")["items"] == []
    assert api.refused("POST", f"{path}/test", role="admin") == (404, "WEBHOOK_NOT_FOUND")


def test_deliveries_are_listed_and_replayed(api: Api) -> None:
    made = new(api)
    path = f"/webhooks/{made['endpoint_id']}"
    tested = api.ok("POST", f"{path}/test", role="admin")
    again = api.ok("POST", f"{path}/deliveries/{tested['delivery_id']}/replay", role="admin")
    items = api.ok("GET", f"{path}/deliveries", role="admin")["items"]
    assert [item["delivery_id"] for item in items] == [again["delivery_id"], tested["delivery_id"]]
    assert items[0]["event_id"] == items[1]["event_id"] and items[0]["event_type"] == "webhook.tested"
    assert api.ok("GET", f"{path}/deliveries", role="admin", status="dead")["items"] == []
    page = api.ok("GET", f"{path}/deliveries", role="admin", limit=1)
    rest = api.ok("GET", f"{path}/deliveries", role="admin", limit=1, cursor=page["next_cursor"])
    assert page["items"] + rest["items"] == items


def test_a_time_span_is_replayed(api: Api) -> None:
    made = new(api)
    path = f"/webhooks/{made['endpoint_id']}/replay"
    api.records("admin").trail.publish("job.failed", ("job", "job_x", 1), {})
    now = api.server.services.clock.now()
    body = {"event_types": ["job.failed"], "from": (now - timedelta(days=1)).isoformat()}
    body["to"] = (now + timedelta(minutes=1)).isoformat()
    answer = api.call("POST", path, body, role="admin")
    assert answer.status_code == 202 and answer.json()["data"]["noted"] == 1
    body["from"] = (now - timedelta(days=8)).isoformat()
    assert api.refused("POST", path, body, role="admin") == (400, "REQ_VALIDATION_FAILED")


@pytest.mark.parametrize("url", ["http://a.example/", "https://169.254.169.254/x", "https://a.example:22/"])
def test_a_forbidden_url_is_refused(api: Api, url: str) -> None:
    assert api.refused("POST", "/webhooks", {**NEW, "url": url}, role="admin") == (422, "WEBHOOK_URL_FORBIDDEN")
    made = new(api)
    refused = api.refused("PATCH", f"/webhooks/{made['endpoint_id']}", {"url": url}, role="admin", headers=FIRST)
    assert refused == (422, "WEBHOOK_URL_FORBIDDEN")


def test_another_tenants_endpoint_is_not_there(api: Api, other: Api) -> None:
    made = new(api)
    tested = api.ok("POST", f"/webhooks/{made['endpoint_id']}/test", role="admin")
    for endpoint in (made["endpoint_id"], NOWHERE):
        path = f"/webhooks/{endpoint}"
        span = {"event_types": ["job.queued"], "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
        for method, below, body in (
            ("PATCH", "", {"status": "paused"}),
            ("DELETE", "", None),
            ("POST", "/rotate-secret", None),
            ("POST", "/test", None),
            ("GET", "/deliveries", None),
            ("POST", f"/deliveries/{tested['delivery_id']}/replay", None),
            ("POST", "/replay", span),
        ):
            refused = other.refused(method, path + below, body, role="admin", headers=FIRST)
            assert refused == (404, "WEBHOOK_NOT_FOUND"), (method, below)
    assert other.ok("GET", "/webhooks", role="admin")["items"] == []
