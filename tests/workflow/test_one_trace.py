"""One trace id from the request to the last row and back, and nothing of a document on the way (spec O1-O4)."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from infra.local.demo_client import Client
from infra.local.postgres import Databases
from shared import wiring
from shared.adapters.json_logs import EVENT, FIELDS, LIBRARY_EVENT
from shared.adapters.prometheus import PrometheusTelemetry
from tests.demo_product import demo_product
from tests.listening import Seen, listening

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
# what must never leave a document: words, a phone, an id number, a bank card, a key (O2)
SECRETS = (
    "Zephyrine Quillfeather",
    "+49 171 5550199",
    "110105199003070015",
    "4539 1488 0343 6467",
    "sk-live-7f3a9c1e5b2d",
    "sixty-one and a half marmosets",
)
TEXT = """1 Form of Tender

Bidder: {0}
Telephone: {1}
Identity: {2}
Card: {3}
Key: {4}

2 Delivery

We deliver {5}.
"""
NAME = "quillfeather-offer.txt"
# rows of the work: everything that the request caused carries its trace
TABLES = (
    "jobs",
    "runs",
    "run_events",
    "outbox_events",
    "audit_log",
    "documents",
    "parse_runs",
    "chunks",
    "consumed_events",
)


@dataclass
class Done:
    """What an upload over HTTP left behind."""

    seen: Seen
    tenant_id: str
    job: dict[str, Any]
    metrics: str
    rows: dict[str, list[dict[str, Any]]]
    traced: dict[str, Any]
    sent: list[str]


def rows_of(databases: Databases, tenant_id: str) -> dict[str, list[dict[str, Any]]]:
    with psycopg.connect(databases.owner_url, row_factory=dict_row) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (tenant_id,))
        return {
            t: connection.execute(f"select * from {t} where tenant_id = %s", (tenant_id,)).fetchall() for t in TABLES
        }


def wait_for(client: Client, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        job: dict[str, Any] = client.call("GET", f"/jobs/{job_id}")
        if job["status"] in ("succeeded", "failed"):
            return job
        time.sleep(0.05)
    raise AssertionError("the job did not end")


@pytest.fixture(scope="module")
def done(own_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    folder = tmp_path_factory.mktemp("trace")
    (folder / NAME).write_text(TEXT.format(*SECRETS))
    with listening() as seen, demo_product(own_databases, folder) as client:
        client._http.headers["traceparent"] = f"00-{TRACE}-00f067aa0ba902b7-01"
        tokens: list[str] = []
        issue = client._token
        client._token = lambda role: tokens.append(issue(role)) or tokens[-1]  # type: ignore[func-returns-value]
        project = client.call("POST", "/projects", {"code": "P-1", "name": SECRETS[0], "currency": "EUR"})
        (item,) = client.upload(project["project_id"], None, [folder / NAME], "tender")
        job = wait_for(client, item["job_id"])
        traced = client.call("GET", f"/traces/{TRACE}", role="admin")
        telemetry = wiring.services().telemetry
        assert isinstance(telemetry, PrometheusTelemetry)
        tenant_id = client.call("GET", "/me")["tenant"]["tenant_id"]
        rows = rows_of(own_databases, tenant_id)
        yield Done(seen, tenant_id, job, telemetry.text(), rows, traced, tokens)


def test_every_step_message_and_request_of_the_upload_is_logged_under_its_trace(done: Done) -> None:
    assert done.job["status"] == "succeeded", done.job
    steps = {line["state"] for line in done.seen.of("BP_STEP_DONE") if line["trace_id"] == TRACE}
    assert steps >= {
        "ClaimJob",
        "InspectFile",
        "RoutePages",
        "ParseRange",
        "ChunkDocument",
        "IndexChunks",
        "FinishIngestion",
    }
    assert {line["consumer"] for line in done.seen.of("BP_MESSAGE_DONE") if line["trace_id"] == TRACE} >= {"start_work"}
    assert [line for line in done.seen.of("BP_API_ANSWERED") if line["trace_id"] == TRACE and line["method"] == "POST"]


def test_no_line_about_the_tenant_has_another_trace(done: Done) -> None:
    about = [line for line in done.seen.all() if line.get("tenant_id") == done.tenant_id]
    assert len(about) > 15 and {line["trace_id"] for line in about} == {TRACE}
    spans = [line for line in done.seen.of("BP_TRACE_SPAN") if line.get("tenant_id") == done.tenant_id]
    assert len(spans) > 8 and {line["trace_id"] for line in spans} == {TRACE}
    assert len({line["span_id"] for line in spans}) == len(spans)


def test_every_row_that_the_request_caused_carries_its_trace(done: Done) -> None:
    for table, rows in done.rows.items():
        traces = {row["trace_id"] for row in rows if "trace_id" in row}
        assert traces <= {TRACE} and (traces or "trace_id" not in next(iter(rows), {})), table
    assert all(done.rows[table] for table in ("jobs", "run_events", "outbox_events", "audit_log", "chunks"))


def test_the_trace_route_finds_the_whole_run_by_the_id(done: Done) -> None:
    told = json.dumps(done.traced)
    assert done.job["job_id"] in told
    assert all(state in told for state in ("InspectFile", "ParseRange", "IndexChunks"))


def test_a_request_says_what_it_was_without_ids_in_the_route(done: Done) -> None:
    (asked,) = [
        x for x in done.seen.of("BP_API_ANSWERED") if x["route"].endswith("/projects") and x["method"] == "POST"
    ]
    assert asked["status"] == 201 and asked["request_id"].startswith("req_") and asked["latency_ms"] > 0
    polled = [x for x in done.seen.of("BP_API_ANSWERED") if "/jobs/" in x["route"]]
    assert {x["route"] for x in polled} == {"/jobs/{job_id}"} and polled[0]["tenant_id"] == done.tenant_id


def test_every_line_of_ours_is_an_event_with_known_fields(done: Done) -> None:
    constant = {"time", "level", "logger", "event", "exception", "template", "problem"}
    for line in done.seen.all():
        assert EVENT.fullmatch(line["event"]), line
        assert line["event"] != LIBRARY_EVENT or not line["logger"].startswith("bidproof"), line
        assert set(line) - constant <= FIELDS, line


def test_nothing_of_the_document_its_name_or_a_token_is_in_logs_metrics_or_events(done: Done) -> None:
    events = json.dumps([row["payload"] for row in done.rows["outbox_events"]], default=str)
    events += json.dumps([row["payload"] for row in done.rows["run_events"]], default=str)
    places = {"logs": "\n".join(done.seen.lines), "metrics": done.metrics, "events": events}
    assert any(SECRETS[5] in str(row) for row in done.rows["chunks"]), "the corpus was not read"
    for place, text in places.items():
        for secret in (*SECRETS, *(re.sub(r"\s", "", one) for one in SECRETS), NAME, *done.sent):
            assert secret not in text, f"{place}: {secret}"


def test_what_was_done_is_counted(done: Done) -> None:
    assert 'bidproof_step_runs_total{outcome="done",step="InspectFile"} 1' in done.metrics
    assert "bidproof_pages_parsed_total 1" in done.metrics
    assert 'bidproof_messages_total{consumer="start_work",outcome="done"}' in done.metrics
    assert re.search(r'bidproof_api_requests_total\{method="POST",route="/projects",status="2xx"\} 1', done.metrics)
    assert 'bidproof_step_duration_seconds_bucket{step="ChunkDocument",le="300.0"} 1' in done.metrics
