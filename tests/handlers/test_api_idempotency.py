"""Idempotency keys over HTTP (spec A11-A14)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.handlers.api_server import Api

NEW = {"code": "P-1", "name": "Bridge", "currency": "EUR"}


@pytest.mark.parametrize("key", [None, "short", "x" * 129, "with space", "bell\x07bell"])
def test_a_missing_or_malformed_key_is_refused(api: Api, key: str | None) -> None:
    assert api.refused("POST", "/projects", NEW, key=key) == (400, "IDEMPOTENCY_MISSING")


def test_the_same_call_gets_the_same_answer_whatever_its_trace(api: Api) -> None:
    first = api.call("POST", "/projects", NEW, key="key-0001")
    trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    second = api.call("POST", "/projects", dict(reversed(NEW.items())), key="key-0001", headers=trace)
    assert second.status_code == 201 and second.json() == first.json()
    assert second.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    assert second.headers["location"] == first.headers["location"] and second.headers["etag"] == '"1"'
    assert len(api.ok("GET", "/projects")["items"]) == 1


def test_another_body_route_or_person_conflicts(api: Api) -> None:
    api.ok("POST", "/projects", NEW, key="key-0001")
    conflict = (409, "IDEMPOTENCY_CONFLICT")
    assert api.refused("POST", "/projects", NEW | {"name": "Road"}, key="key-0001") == conflict
    assert api.refused("POST", "/suppliers", {"code": "S", "name": "B"}, key="key-0001") == conflict
    assert api.refused("POST", "/projects", NEW, key="key-0001", role="admin") == conflict


def test_a_key_belongs_to_its_tenant(api: Api, other: Api) -> None:
    api.ok("POST", "/projects", NEW, key="key-0001")
    assert "idempotency-replayed" not in other.call("POST", "/projects", NEW, key="key-0001").headers


def test_a_refused_call_leaves_no_key(api: Api) -> None:
    api.ok("POST", "/projects", NEW)
    assert api.refused("POST", "/projects", NEW, key="key-0002") == (409, "CODE_TAKEN")
    assert api.ok("POST", "/projects", NEW | {"code": "P-2"}, key="key-0002")["code"] == "P-2"


def test_an_expired_key_is_free_again(api: Api) -> None:
    api.ok("POST", "/projects", NEW, key="key-0001")
    api.as_owner("update idempotency_keys set expires_at = now() - interval '1 second'")
    assert api.ok("POST", "/projects", NEW | {"code": "P-2"}, key="key-0001")["code"] == "P-2"


def test_of_20_parallel_calls_one_works_and_the_others_get_its_answer(api: Api) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: api.call("POST", "/projects", NEW, key="key-0001"), range(20)))
    outcomes = {
        answer.status_code if answer.status_code == 201 else answer.json()["error"]["code"] for answer in answers
    }
    assert outcomes <= {201, "IDEMPOTENCY_IN_PROGRESS"}
    done = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.json()["data"]["project_id"] for answer in done}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in done) == 1
    assert len(api.ok("GET", "/projects")["items"]) == 1


def test_a_key_on_a_patch_is_honoured(api: Api) -> None:
    path = f"/projects/{api.ok('POST', '/projects', NEW)['project_id']}"
    headers = {"If-Match": '"1"', "Idempotency-Key": "key-0009"}
    first = api.call("PATCH", path, {"name": "Road"}, headers=headers)
    again = api.call("PATCH", path, {"name": "Road"}, headers=headers)
    assert again.json() == first.json() and again.headers["idempotency-replayed"] == "true"
