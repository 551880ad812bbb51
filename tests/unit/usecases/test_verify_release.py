"""A release is blocked at the step that fails, by name, and its project is put away whatever happens."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain.errors import Refused, Retryable
from shared.ports.release_under_test import Reply, SmokeBid, SmokeFile, SmokeRole
from shared.usecases.verify_release import RESERVE_SECONDS, VerifiedRelease, VerifyRelease, verify_release

FILE = SmokeFile(name="bid.pdf", media_type="application/pdf", content=b"%PDF")
BID = SmokeBid(rules={"code": "SMOKE"}, tender=FILE, bid=FILE)
CITED = {"citation_id": "cit_1", "quote": "ISO 9001"}
ITEM = {
    "criterion_id": "crt_1",
    "criterion_code": "M-1",
    "outcome": "pass",
    "max_score": "100",
    "review_reasons": [],
    "claims": [{"citations": [CITED, CITED]}],
    "evidence_pack": None,
}
ANSWERS: dict[str, Any] = {
    "GET /health/ready": {},
    "GET /api/v1/me": {"permissions": ["evaluation.start"]},
    "GET /api/v1/rule-packs": {"items": [{"rule_pack_id": "rpk_1"}]},
    "GET /api/v1/rule-packs/rpk_1": {"versions": [{"version": 1, "status": "active"}]},
    "POST /api/v1/projects": {"project_id": "prj_1"},
    "POST /api/v1/projects/prj_1/open": {},
    "POST /api/v1/projects/prj_1/close": {},
    "POST /api/v1/projects/prj_1/archive": {},
    "GET /api/v1/suppliers": {"items": [{"supplier_id": "sup_1"}]},
    "POST /api/v1/uploads": {
        "upload_id": "upl_1",
        "files": [{"file_id": "fil_1", "put": {"url": "https://objects", "headers": {}}}],
    },
    "POST /api/v1/uploads/upl_1/complete": {"items": [{"job_id": "job_read"}]},
    "GET /api/v1/jobs/job_read": {"job_type": "ingest_document", "status": "succeeded", "waiting_on": None},
    "POST /api/v1/evaluations": {"job_id": "job_eval", "evaluation_id": "evl_1"},
    "GET /api/v1/jobs/job_eval": {"job_type": "evaluate_bid", "status": "running", "waiting_on": "review"},
    "GET /api/v1/evaluations/evl_1/criteria": {"items": [ITEM]},
    "GET /api/v1/reviews": {"items": [{"review_id": "rev_1"}]},
    "POST /api/v1/reviews/rev_1/claim": {"resume_token": "t"},
    "POST /api/v1/reviews/rev_1/submit": {"job": {"job_id": "job_end"}},
    "GET /api/v1/jobs/job_end": {"job_type": "evaluate_bid", "status": "succeeded", "waiting_on": None},
    "GET /api/v1/evaluations/evl_1/reports": {"versions": [{"version": 1, "report_id": "rpt_1"}]},
    "GET /api/v1/reports/rpt_1": {"evaluation_id": "evl_1"},
    "GET /api/v1/citations/cit_1": {"quote": "ISO 9001", "page": 1},
}


class Scripted:
    """Answers from the table; `calls` are (method and path, role)."""

    def __init__(self, **changed: Any) -> None:
        self.answers = ANSWERS | changed
        self.calls: list[tuple[str, str]] = []
        self.sent = 200

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, role: SmokeRole = "agent"
    ) -> Reply:
        line = f"{method} {path.partition('?')[0]}"
        self.calls.append((line, role))
        found = self.answers[line]
        if isinstance(found, Exception):
            raise found
        if isinstance(found, int):
            return Reply(status=found, body={"success": False, "error": {"code": "INTERNAL_ERROR"}})
        return Reply(status=200, body={"success": True, "data": found})

    def send(self, url: str, headers: Mapping[str, str], content: bytes) -> int:
        return self.sent


class Ticking:
    """A clock that moves one second with each look."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


class Ids:
    def new(self, prefix: str) -> str:
        return f"{prefix}_0123456789abcdef"

    def token(self, prefix: str) -> str:
        raise AssertionError("no secret is made")


def run(release: Scripted, *, seconds: float = 900.0, told: list[str] | None = None) -> VerifiedRelease:
    left = iter([seconds, seconds, RESERVE_SECONDS])
    return verify_release(
        VerifyRelease(label="d-1"),
        release=release,
        smoke_bid=BID,
        clock=Ticking(),
        ids=Ids(),
        pause=lambda seconds: None,
        time_left=lambda: next(left),
        show_step=lambda name, seconds: (told if told is not None else []).append(name),
    )


def test_every_step_is_told_and_the_project_is_archived() -> None:
    release, told = Scripted(), list[str]()
    done = run(release, told=told)
    assert told == list(done.seconds) and len(told) == 9
    assert (done.project_id, done.evaluation_id, done.report_id, done.citations) == ("prj_1", "evl_1", "rpt_1", 2)
    assert release.calls[-1][0] == "POST /api/v1/projects/prj_1/archive"


@pytest.mark.parametrize(
    ("line", "answer", "step"),
    [
        ("GET /health/ready", 503, "ready"),
        ("GET /api/v1/me", {"permissions": []}, "ready"),
        ("GET /api/v1/rule-packs", 500, "rules"),
        ("POST /api/v1/projects", 500, "project"),
        ("GET /api/v1/suppliers", 403, "supplier"),
        ("POST /api/v1/uploads/upl_1/complete", {"items": [{"code": "INPUT_UNSUPPORTED_FORMAT"}]}, "documents"),
        (
            "GET /api/v1/jobs/job_read",
            {"job_type": "ingest_document", "status": "failed", "waiting_on": None, "step": "ParseRange", "error": {}},
            "documents",
        ),
        ("GET /api/v1/evaluations/evl_1/criteria", {"items": [ITEM | {"outcome": "not_found"}]}, "evaluation"),
        ("GET /api/v1/reviews", {"items": []}, "review"),
        ("GET /api/v1/evaluations/evl_1/reports", {"versions": []}, "report"),
        ("GET /api/v1/reports/rpt_1", {"evaluation_id": "evl_2"}, "report"),
        ("GET /api/v1/citations/cit_1", {"quote": "ISO 27001", "page": 1}, "citations"),
        ("GET /api/v1/citations/cit_1", 404, "citations"),
    ],
)
def test_a_failed_step_blocks_the_release_by_its_name(line: str, answer: Any, step: str) -> None:
    release = Scripted(**{line: answer})
    with pytest.raises(Refused, match=f"^{step}: ") as refused:
        run(release)
    assert (refused.value.code, refused.value.details) == ("RELEASE_BLOCKED", {"failed_checks": [step]})
    made = ("POST /api/v1/projects", "agent") in release.calls and line != "POST /api/v1/projects"
    assert (("POST /api/v1/projects/prj_1/archive", "agent") in release.calls) is made


def test_an_upload_that_the_store_refuses_blocks_the_release() -> None:
    release = Scripted()
    release.sent = 403
    with pytest.raises(Refused, match=r"documents: the link of bid\.pdf answered 403"):
        run(release)


def test_a_job_that_does_not_end_blocks_the_release_before_the_function_is_out_of_time() -> None:
    stuck = {"job_type": "ingest_document", "status": "running", "waiting_on": None, "step": "ParseRange"} | {
        "error": None
    }
    with pytest.raises(Refused, match="documents: out of time, ingest_document running at ParseRange"):
        run(Scripted(**{"GET /api/v1/jobs/job_read": stuck}))


def test_a_release_that_does_not_answer_is_not_called_blocked() -> None:
    silent = Retryable("DEPENDENCY_UNAVAILABLE")
    with pytest.raises(Retryable):
        run(Scripted(**{"GET /api/v1/me": silent}))


def test_a_release_that_falls_silent_after_a_failed_step_is_blocked_by_that_step() -> None:
    silent = Retryable("DEPENDENCY_UNAVAILABLE")
    release = Scripted(**{"GET /api/v1/suppliers": 500, "POST /api/v1/projects/prj_1/close": silent})
    with pytest.raises(Refused, match=r"^supplier: "):
        run(release)


def test_nobody_activates_rules_as_the_one_who_wrote_them() -> None:
    drafts = {
        "GET /api/v1/rule-packs": {"items": []},
        "POST /api/v1/rule-packs": {"rule_pack_id": "rpk_1"},
        "GET /api/v1/rule-packs/rpk_1": {"versions": []},
        "POST /api/v1/rule-packs/rpk_1/versions": {"version": 1},
        "POST /api/v1/rule-packs/rpk_1/versions/1/submit": {},
        "POST /api/v1/rule-packs/rpk_1/versions/1/activate": {},
    }
    release = Scripted(**drafts)
    run(release)
    roles = {line: role for line, role in release.calls if "/versions/1/" in line}
    assert roles == {
        "POST /api/v1/rule-packs/rpk_1/versions/1/submit": "agent",
        "POST /api/v1/rule-packs/rpk_1/versions/1/activate": "admin",
    }
