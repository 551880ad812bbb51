"""Our own state machine files with stub functions: which states a job goes through, and what they are told."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from infra.local.asl_lint import FOLDER
from shared.adapters.local_workflows import LocalWorkflows
from shared.domain.errors import Permanent, Retryable
from tests.workflow.conftest import PATIENCE, Direct, Execution, Shop

INPUT = {
    "tenant_id": "ten_1",
    "job_id": "job_1",
    "run_id": "run_1",
    "resource_id": "res_1",
    "start_at": "plan",
    "limits": {"ranges": 2, "groups": 2},
    "trace": "0" * 32,
}
RESULTS: dict[str, Any] = {
    "claim_job": {"claimed": True},
    "inspect_file": {"is_archive": False},
    "route_pages": {"parse_run_id": "prs_1", "ranges": [0, 1, 2]},
    "plan_evaluation": {"groups": [0, 1]},
    "evaluate_criteria": {"more": False, "round": 1},
    "index_chunks": {"more": False, "round": 1},
    "score_bid": {"needs_human_review": False, "wait_seconds": 60},
}
NAMES = [path.name.removesuffix(".asl.json") for path in sorted(FOLDER.glob("*.asl.json"))]


class Line:
    """Stub functions that note who was called with what."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.calls: list[tuple[str, Any]] = []
        self.results: dict[str, Callable[[Any], Any]] = {}
        self.called = threading.Condition()
        shop.resolve = self.resolve  # type: ignore[method-assign]

    def resolve(self, name: str) -> Callable[[Any, Any], Any]:
        """A stub for any name."""

        def stub(event: Any, _context: Any) -> Any:
            with self.called:
                self.calls.append((name, event))
                self.called.notify_all()
            return self.results[name](event) if name in self.results else RESULTS.get(name, {})

        return stub

    def start(self, machine: str) -> str:
        """Start the machine of this name from its real file."""
        return LocalWorkflows(Direct(self.shop.url)).start(machine, name=machine, input=INPUT)

    def run(self, machine: str) -> Execution:
        """Run it to its end."""
        return self.shop.wait(self.start(machine))

    def names(self) -> list[str]:
        """The functions in the order of their calls."""
        return [name for name, _ in self.calls]

    def event_of(self, name: str) -> Any:
        """The newest event of the function, once it was called."""
        with self.called:
            assert self.called.wait_for(lambda: name in self.names(), PATIENCE), f"{name} was not called"
            return [event for called, event in self.calls if called == name][-1]


@pytest.fixture
def line(idle_shop: Shop, request: pytest.FixtureRequest) -> Line:
    """Stubs under a running worker; the shop resolves through them."""
    made = Line(idle_shop)
    request.getfixturevalue("shop")
    return made


def test_a_document_goes_through_every_step_in_order(line: Line) -> None:
    assert line.run("ingest_document").status == "SUCCEEDED"
    assert [name for name in line.names() if name != "parse_range"] == [
        "claim_job",
        "inspect_file",
        "route_pages",
        "chunk_document",
        "extract_facts",
        "index_chunks",
        "finish_ingestion",
    ]
    parsed = [event["command"]["range_no"] for name, event in line.calls if name == "parse_range"]
    assert sorted(parsed) == [0, 1, 2]


def test_a_step_knows_tenant_job_run_trace_state_and_attempt(line: Line) -> None:
    line.run("ingest_document")
    assert line.event_of("parse_range")["scope"].keys() >= {
        "tenant_id",
        "job_id",
        "run_id",
        "trace",
        "state",
        "attempt",
    }
    scope = line.event_of("claim_job")["scope"]
    assert (scope["state"], scope["attempt"], scope["run_id"]) == ("ClaimJob", 0, "run_1")


def test_indexing_comes_back_while_there_is_more(line: Line) -> None:
    line.results["index_chunks"] = lambda event: {
        "more": event["command"]["round"] < 2,
        "round": event["command"]["round"] + 1,
    }
    assert line.run("ingest_document").status == "SUCCEEDED"
    assert Counter(line.names())["index_chunks"] == 3


@pytest.mark.parametrize("machine", NAMES)
def test_a_job_that_is_not_ours_ends_without_effect(line: Line, machine: str) -> None:
    line.results["claim_job"] = lambda _event: {"claimed": False}
    assert line.run(machine).status == "SUCCEEDED"
    assert line.names() == ["claim_job"]


@pytest.mark.parametrize("step", ["inspect_file", "parse_range", "chunk_document", "index_chunks", "finish_ingestion"])
def test_a_permanent_failure_is_recorded_with_its_code(line: Line, step: str) -> None:
    def fail(_event: Any) -> Any:
        raise Permanent("DOC_PARSE_ENCRYPTED")

    line.results[step] = fail
    ended = line.run("ingest_document")
    assert (ended.status, ended.error) == ("FAILED", "JobFailed")
    command = line.event_of("record_failure")["command"]
    assert (command["error"], json.loads(command["cause"])["code"]) == ("Permanent", "DOC_PARSE_ENCRYPTED")


def test_a_retryable_failure_inside_the_map_is_retried_there(line: Line) -> None:
    attempts: list[int] = []

    def flaky(event: Any) -> Any:
        if event["command"]["range_no"] == 1:
            attempts.append(event["scope"]["attempt"])
            if len(attempts) == 1:
                raise Retryable("DOC_PARSE_TIMEOUT")
        return {}

    line.results["parse_range"] = flaky
    assert line.run("ingest_document").status == "SUCCEEDED"
    assert attempts == [0, 1]


def test_a_bid_without_doubts_gets_its_report_unseen(line: Line) -> None:
    assert line.run("evaluate_bid").status == "SUCCEEDED"
    assert "open_review" not in line.names()
    assert line.names()[-2:] == ["build_report", "finish_evaluation"]
    assert Counter(line.names())["evaluate_criteria"] == 2


def reviewed(line: Line, *, status: str = "approved", wait_seconds: int = 60) -> None:
    line.results["score_bid"] = lambda event: {
        "needs_human_review": event["command"]["review_id"] is None,
        "wait_seconds": wait_seconds,
        "status": status if event["command"]["review_id"] else "evaluating",
    }


def test_an_answered_review_resumes_the_groups_and_ends_in_a_report(line: Line) -> None:
    reviewed(line)
    ref = line.start("evaluate_bid")
    token = line.event_of("open_review")["command"]["task_token"]
    assert line.shop.workflows.succeed(token, {"review_id": "rev_1", "decision": "edit_scores"})
    assert line.shop.wait(ref).status == "SUCCEEDED"
    resumed = [e for n, e in line.calls if n == "evaluate_criteria" and e["command"]["review_id"] == "rev_1"]
    assert len(resumed) == 2
    assert "build_report" in line.names()


def test_a_rejected_bid_resumes_no_group_and_gets_no_report(line: Line) -> None:
    reviewed(line, status="rejected")
    ref = line.start("evaluate_bid")
    token = line.event_of("open_review")["command"]["task_token"]
    assert line.shop.workflows.succeed(token, {"review_id": "rev_1", "decision": "reject"})
    assert line.shop.wait(ref).status == "SUCCEEDED"
    assert Counter(line.names())["evaluate_criteria"] == 2
    assert Counter(line.names())["score_bid"] == 2
    assert "build_report" not in line.names()


def test_a_review_that_nobody_answers_is_parked(line: Line) -> None:
    reviewed(line, wait_seconds=1)
    line.results["expire_review"] = lambda _event: {"decision": "expired", "review_id": "rev_1"}
    assert line.run("evaluate_bid").status == "SUCCEEDED"
    assert line.names()[-1] == "expire_review"


def test_a_decision_stored_just_in_time_wins_over_the_timeout(line: Line) -> None:
    reviewed(line, wait_seconds=1)
    line.results["expire_review"] = lambda _event: {"decision": "approve", "review_id": "rev_1"}
    assert line.run("evaluate_bid").status == "SUCCEEDED"
    assert "build_report" in line.names()
