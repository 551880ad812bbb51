"""Releases over HTTP: people of the platform only, and no metric or verdict from outside (spec A144)."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from shared.domain.ids import hash_id
from shared.domain.releases import PLATFORM_TENANT
from tests.handlers.api_server import Api
from tests.records import ids
from tests.releases import ALARM, COMMIT, Platform, versions


@pytest.fixture
def platform(api: Api) -> Iterator[Platform]:
    made = Platform(api.server.databases)
    made.clear()
    yield made
    made.clear()


@pytest.fixture
def operator(api: Api, platform: Platform) -> dict[str, Any]:
    """Headers of a platform administrator."""
    user_id = hash_id("usr", "platform", "operator")
    platform.as_owner(
        """insert into users (user_id, issuer, subject, email, display_name, locale)
           values (%s, %s, 'operator', 'o@bidproof.example', 'Operator', 'en') on conflict do nothing""",
        user_id,
        api.server.services.settings.issuer,
    )
    platform.as_owner(
        """insert into role_grants (grant_id, principal_id, role, scope) values (%s, %s, 'platform_admin', 'tenant')
           on conflict do nothing""",
        hash_id("grn", "platform", "operator"),
        user_id,
    )
    token = api.server.issuer.issue("operator", PLATFORM_TENANT, now=api.server.services.clock.now())
    return {"headers": {"Authorization": f"Bearer {token}"}, "role": None}


def record(platform: Platform, **changes: Any) -> dict[str, Any]:
    known = platform.draft()
    made = {
        "version": f"3.{ids.new('rel')[-8:]}",
        "commit_sha": COMMIT,
        "dataset_version": known.dataset_version,
        "change_class": "C2",
        "candidate": versions(2),
        "baseline": versions(1),
        "evidence": known.evidence,
        "alarms": [ALARM],
    }
    return made | changes


def test_a_release_is_drafted_started_and_read(api: Api, platform: Platform, operator: dict[str, Any]) -> None:
    made = api.ok("POST", "/releases", record(platform), **operator)
    assert (made["status"], made["steps"], made["rollback_times"]) == ("draft", [], {})
    begun = api.call("POST", f"/releases/{made['release_id']}/start", **operator)
    assert begun.status_code == 202 and begun.json()["data"]["resource"]["id"] == made["release_id"]
    assert api.refused("POST", f"/releases/{made['release_id']}/start", **operator) == (409, "RELEASE_STATE_CONFLICT")
    assert api.ok("GET", f"/releases/{made['release_id']}", **operator)["job_id"] == begun.json()["data"]["job_id"]
    assert made["release_id"] in {each["release_id"] for each in api.ok("GET", "/releases", **operator)["items"]}


def test_metrics_and_verdicts_are_no_fields_of_a_release(
    api: Api, platform: Platform, operator: dict[str, Any]
) -> None:
    for extra in ({"metrics": {"recall": 1.0}}, {"passed": True}, {"status": "release_ready"}):
        answer = api.refused("POST", "/releases", record(platform, **extra), **operator)
        assert answer == (400, "REQ_VALIDATION_FAILED")
    without = record(platform, dataset_version="golden-v9.9.9")
    assert api.refused("POST", "/releases", without, **operator) == (409, "DATASET_VERSION_REQUIRED")


def test_a_person_starts_the_rollback(api: Api, platform: Platform, operator: dict[str, Any]) -> None:
    release = platform.draft(status="closed", weight=100, wanted=100)
    path = f"/releases/{release.release_id}/rollback"
    assert api.refused("POST", path, {}, **operator) == (400, "REQ_VALIDATION_FAILED")
    begun = api.call("POST", path, {"reason": "wrong totals"}, **operator)
    assert begun.status_code == 202
    shown = api.ok("GET", f"/releases/{release.release_id}", **operator)
    assert (shown["rollback_reason"], shown["job_id"]) == ("wrong totals", begun.json()["data"]["job_id"])


def test_nobody_of_a_tenant_gets_there_and_no_tenant_can_grant_the_role(api: Api) -> None:
    for role in ("admin", "agent", "auditor"):
        assert api.refused("GET", "/releases", role=role) == (403, "AUTH_FORBIDDEN")
    with pytest.raises(psycopg.errors.CheckViolation):
        api.as_owner("update role_grants set role = 'platform_admin' where role = 'admin'")


def test_new_work_is_answered_with_503_while_a_rollback_keeps_it_closed(api: Api, platform: Platform) -> None:
    project = api.ok("POST", "/projects", {"code": "P-1", "name": "Stations", "size": "small", "currency": "EUR"})
    supplier = api.ok("POST", "/suppliers", {"code": "S-1", "name": "Northwind"})
    platform.records.releases.switch.close("rollback of rel_x")
    body = {
        "kind": "evaluate",
        "items": [{"project_id": project["project_id"], "supplier_id": supplier["supplier_id"]}],
    }
    assert api.refused("POST", "/batches", body) == (503, "SERVICE_READ_ONLY")
    assert api.ok("GET", f"/projects/{project['project_id']}")["code"] == "P-1"
    platform.records.releases.switch.open()
    assert api.call("POST", "/batches", body).status_code == 202
