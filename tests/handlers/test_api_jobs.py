"""Jobs, runs and their events over HTTP (spec A22, A23, A110-A112, A130, A131)."""

import json
import threading
import time
from typing import Any

import pytest

from shared.adapters.system import SystemClock
from shared.domain.jobs import Job
from tests.handlers.api_server import Api
from tests.rows import a_document, an_ingest_job


@pytest.fixture
def job(api: Api) -> Job:
    records = api.records("agent")
    return an_ingest_job(records, a_document(records))


def run_of(api: Api, job: Job) -> str:
    return api.records().jobs.newest_run(job.job_id).run_id


def test_a_job_is_listed_shown_and_tells_its_progress(api: Api, job: Job) -> None:
    shown = api.ok("GET", f"/jobs/{job.job_id}", role="viewer")
    assert (shown["status"], shown["progress_pct"], shown["progress"]["total"]) == ("queued", 0, 100)
    assert shown["resource"] == {"type": "document", "id": job.resource_id} and shown["run_id"] == run_of(api, job)
    for query in (
        {"status": "queued"},
        {"resource_id": job.resource_id},
        {"waiting": "false"},
        {"type": "ingest_document"},
    ):
        assert [j["job_id"] for j in api.ok("GET", "/jobs", **query)["items"]] == [job.job_id]
    for query in ({"status": "failed"}, {"waiting": "true"}, {"since": "2999-01-01T00:00:00Z"}):
        assert api.ok("GET", "/jobs", **query)["items"] == []
    assert api.ok("GET", f"/runs/{run_of(api, job)}")["job_id"] == job.job_id
    assert api.refused("GET", f"/runs/{run_of(api, job)}", role="viewer") == (403, "AUTH_FORBIDDEN")


def test_a_job_is_canceled_once(api: Api, job: Job) -> None:
    path = f"/jobs/{job.job_id}/cancel"
    assert api.refused("POST", path, {}) == (400, "REQ_VALIDATION_FAILED")
    assert api.refused("POST", path, {"reason": "x"}, role="viewer") == (403, "AUTH_FORBIDDEN")
    assert api.refused("POST", path, {"reason": "x"}, role="evaluator") == (403, "AUTH_FORBIDDEN")
    answer = api.call("POST", path, {"reason": "wrong file"})
    assert answer.status_code == 202 and answer.json()["data"]["status"] == "canceled"
    assert api.refused("POST", path, {"reason": "again"}) == (409, "JOB_CANCEL_CONFLICT")
    assert api.refused("POST", f"/jobs/job_{'0' * 26}/cancel", {"reason": "x"}) == (404, "JOB_NOT_FOUND")


def test_an_evaluator_cancels_what_it_started(api: Api) -> None:
    records = api.records("evaluator")
    own = an_ingest_job(records, a_document(records))
    assert api.ok("POST", f"/jobs/{own.job_id}/cancel", {"reason": "x"}, role="evaluator")["status"] == "canceled"


def note(api: Api, run_id: str, count: int) -> None:
    for n in range(count):
        api.records().trail.run_event(run_id, "run.step.finished", stage="parse", payload={"n": n})


def test_events_come_by_cursor_each_once(api: Api, job: Job) -> None:
    run_id = run_of(api, job)
    note(api, run_id, 5)
    path = f"/runs/{run_id}/events"
    everything = api.ok("GET", path)
    assert [e["seq"] for e in everything["items"]] == [1, 2, 3, 4, 5] and not everything["closed"]
    assert everything["items"][0] | {"occurred_at": "", "trace_id": ""} == {
        "type": "run.step.finished",
        "run_id": run_id,
        "job_id": job.job_id,
        "seq": 1,
        "occurred_at": "",
        "trace_id": "",
        "stage": "parse",
        "payload": {"n": 0},
    }
    rest = api.ok("GET", path, cursor=3)
    assert [e["seq"] for e in rest["items"]] == [4, 5] and rest["next_cursor"] == 5
    assert api.ok("GET", path, cursor=5) == {"items": [], "next_cursor": 5, "closed": False}
    api.records().moves.close_run(run_id, "succeeded")
    last = api.ok("GET", path, cursor=5)
    assert [e["type"] for e in last["items"]] == ["run.succeeded", "run.closed"] and last["closed"]
    assert api.ok("GET", path, cursor=last["next_cursor"], wait=20) == {"items": [], "next_cursor": 7, "closed": True}


def test_a_waiting_call_answers_when_something_happens(api: Api, job: Job) -> None:
    run_id = run_of(api, job)
    answers: list[Any] = []
    reader = threading.Thread(target=lambda: answers.append(api.ok("GET", f"/runs/{run_id}/events", wait=20)))
    reader.start()
    time.sleep(0.1)
    note(api, run_id, 1)
    reader.join(15)
    assert [e["seq"] for e in answers[0]["items"]] == [1]


def test_a_stream_has_frames_a_terminal_one_and_can_be_resumed(api: Api, job: Job) -> None:
    run_id = run_of(api, job)
    note(api, run_id, 3)
    api.records().moves.close_run(run_id, "failed")
    stream = {"Accept": "text/event-stream"}
    answer = api.call("GET", f"/runs/{run_id}/events", headers=stream)
    assert answer.headers["content-type"].startswith("text/event-stream")
    frames = answer.text.strip().split("\n\n")
    assert frames[0] == "retry: 1000"
    parsed = [dict(line.split(": ", 1) for line in frame.split("\n")) for frame in frames[1:]]
    assert [(int(f["id"]), f["event"]) for f in parsed][-1] == (5, "run.closed") and len(parsed) == 5
    assert json.loads(parsed[0]["data"])["seq"] == 1
    resumed = api.call("GET", f"/runs/{run_id}/events", headers=stream | {"Last-Event-ID": "3"}).text
    assert "id: 3" not in resumed and "id: 4" in resumed
    cursor_wins = api.call("GET", f"/runs/{run_id}/events", headers=stream | {"Last-Event-ID": "5"}, cursor=4).text
    assert "id: 5" in cursor_wins and "id: 4" not in cursor_wins


def test_a_wait_of_more_than_20_seconds_is_refused(api: Api, job: Job) -> None:
    assert api.refused("GET", f"/runs/{run_of(api, job)}/events", wait=21) == (400, "REQ_VALIDATION_FAILED")


def forget_events(api: Api, run_id: str, *, up_to: int) -> None:
    """What the retention of 30 days does."""
    api.as_owner("delete from run_events where run_id = %s and seq <= %s", run_id, up_to)


def test_a_cursor_before_the_kept_events_is_refused_and_told_the_first_one(api: Api, job: Job) -> None:
    run_id = run_of(api, job)
    note(api, run_id, 5)
    forget_events(api, run_id, up_to=3)
    path = f"/runs/{run_id}/events"
    assert api.refused("GET", path, cursor=1) == (410, "EVENT_CURSOR_EXPIRED")
    assert [e["seq"] for e in api.ok("GET", path, cursor=3)["items"]] == [4, 5]


def test_a_trace_tells_steps_events_and_audit_in_order(api: Api, job: Job) -> None:
    run_id, records = run_of(api, job), api.records("agent")
    failed = {"code": "DEPENDENCY_TIMEOUT", "class": "transient", "retryable": True}
    for attempt, error in enumerate((failed, None)):
        records.jobs.note_attempt(run_id, "InspectFile", "", attempt, started_at=SystemClock().now(), error=error)
    note(api, run_id, 2)
    told = api.ok("GET", f"/runs/{run_id}/trace", role="evaluator")
    steps = [(e["name"], e["attempt"], e["code"]) for e in told["items"] if e["source"] == "step"]
    assert steps == [("InspectFile", 0, "DEPENDENCY_TIMEOUT"), ("InspectFile", 1, None)]
    assert [e["occurred_at"] for e in told["items"]] == sorted(e["occurred_at"] for e in told["items"])
    assert {"step", "run", "event"} == {e["source"] for e in told["items"]}
    by_id = api.ok("GET", f"/traces/{job.trace_id}", role="admin")
    assert by_id["jobs"] == [job.job_id]
    assert "job.queued" in {e["name"] for e in by_id["items"] if e["source"] == "audit"}
    assert api.refused("GET", f"/runs/{run_id}/trace", role="viewer") == (403, "AUTH_FORBIDDEN")
    assert api.refused("GET", f"/traces/{'f' * 32}", role="admin") == (404, "RUN_NOT_FOUND")
