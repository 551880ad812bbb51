"""The figures of one machine over HTTP, and what an answered request is counted as (spec O3)."""

import httpx
import pytest

from functions.api.app import create_app
from functions.api.routes.metrics import FORWARDED
from tests.handlers.api_server import Api


def figures(api: Api) -> str:
    answer = httpx.get(f"{api.server.url}/internal/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return answer.text


def value(text: str, line: str) -> float:
    return sum(float(found.rpartition(" ")[2]) for found in text.splitlines() if found.startswith(line + " "))


def test_a_request_is_counted_by_its_route_and_never_by_its_path(api: Api) -> None:
    line = 'bidproof_api_requests_total{method="GET",route="/projects/{project_id}",status="4xx"}'
    denied = 'bidproof_denied_accesses_total{code="AUTH_UNAUTHORIZED"}'
    error = 'bidproof_api_errors_total{code="PROJECT_NOT_FOUND",error_class="validation"}'
    before = figures(api)
    missing = f"prj_{'0' * 26}"
    assert api.call("GET", f"/projects/{missing}").status_code == 404
    assert httpx.get(f"{api.server.url}/api/v1/projects").status_code == 401
    after = figures(api)
    for counter in (line, denied, error):
        assert value(after, counter) == value(before, counter) + 1, counter
    assert missing not in after


def test_a_path_that_no_route_has_brings_no_label_of_its_own(api: Api) -> None:
    assert httpx.request("BREW", f"{api.server.url}/teapot-with-a-name").status_code == 404
    text = figures(api)
    assert "teapot" not in text and "BREW" not in text
    assert 'bidproof_api_requests_total{method="none",route="none",status="4xx"}' in text


def test_health_and_the_figures_themselves_are_not_counted(api: Api) -> None:
    assert httpx.get(f"{api.server.url}/health/live").status_code == 200
    text = figures(api)
    assert "/health" not in text and "/internal" not in text


@pytest.mark.parametrize("header", FORWARDED)
def test_whoever_comes_through_a_proxy_finds_nothing(api: Api, header: str) -> None:
    answer = httpx.get(f"{api.server.url}/internal/metrics", headers={header: "203.0.113.7"})
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "REQ_NOT_FOUND"


def test_the_contract_does_not_name_the_route(api: Api) -> None:
    assert not [path for path in create_app(api.server.services).openapi()["paths"] if "internal" in path]
