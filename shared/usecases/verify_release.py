"""Try a release on a small bid, from rule pack to report, before anybody depends on it (design section 7)."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from shared.domain.errors import CodedError, Refused
from shared.ports.platform import Clock, Ids
from shared.ports.release_under_test import ReleaseUnderTest, SmokeBid, SmokeFile, SmokeRole

POLL_SECONDS = 2.0
RESERVE_SECONDS = 20.0  # what is left for the answer to whoever asked
SUPPLIER = "SMOKE"
QUOTE_LENGTH = 120
ENDED = ("succeeded", "failed", "canceled")
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRelease:
    """`label` begins the code of the project that is made, such as the id of a deployment."""

    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedRelease:
    """Seconds by step, in their order, and what was made."""

    seconds: dict[str, float]
    project_id: str
    evaluation_id: str
    report_id: str
    citations: int


def verify_release(
    command: VerifyRelease,
    *,
    release: ReleaseUnderTest,
    smoke_bid: SmokeBid,
    clock: Clock,
    ids: Ids,
    pause: Callable[[float], None],
    time_left: Callable[[], float],
    show_step: Callable[[str, float], None],
) -> VerifiedRelease:
    """Evaluate the bid through the API, answer its review, and read the report and every citation back.

    The project is archived at the end, also after a failed step, and stays in the smoke tenant as evidence.
    Raises Refused RELEASE_BLOCKED with the failed step, and Retryable when the release does not answer."""
    smoke = _Smoke(release, smoke_bid, clock, pause, time_left, show_step)
    smoke.step("ready", smoke.ready)
    rules = smoke.step("rules", smoke.rules)
    code = f"{command.label}-{ids.new('req')[-8:]}"
    project_id = smoke.step("project", lambda: smoke.project(code, rules))
    try:
        supplier_id = smoke.step("supplier", smoke.supplier)
        smoke.step("documents", lambda: smoke.documents(project_id, supplier_id))
        evaluation_id = smoke.step("evaluation", lambda: smoke.evaluation(project_id, supplier_id))
        smoke.step("review", lambda: smoke.review(evaluation_id))
        report_id = smoke.step("report", lambda: smoke.report(evaluation_id))
        citations = smoke.step("citations", lambda: smoke.citations(evaluation_id))
    finally:
        smoke.archive(project_id)
    return VerifiedRelease(
        seconds=smoke.seconds,
        project_id=project_id,
        evaluation_id=evaluation_id,
        report_id=report_id,
        citations=citations,
    )


class _Calls:
    """Calls of the release; each raises Refused RELEASE_BLOCKED when the answer is not the one that a step needs."""

    def __init__(
        self,
        release: ReleaseUnderTest,
        bid: SmokeBid,
        clock: Clock,
        pause: Callable[[float], None],
        time_left: Callable[[], float],
        show_step: Callable[[str, float], None],
    ) -> None:
        self._release, self._bid, self._clock = release, bid, clock
        self._pause, self._time_left, self._show = pause, time_left, show_step
        self._name = ""
        self.seconds: dict[str, float] = {}

    def step(self, name: str, act: Callable[[], Any]) -> Any:
        """Run one step, note and tell how long it took."""
        self._name, began = name, self._clock.now()
        made = act()
        self.seconds[name] = round((self._clock.now() - began).total_seconds(), 2)
        self._show(name, self.seconds[name])
        return made

    def _job(self, job_id: str, wanted: str) -> None:
        """Until the job stands as wanted; another end is a failed step, and so is the end of the time."""
        while True:
            job = self._data("GET", f"/api/v1/jobs/{job_id}")
            stands = "waiting" if job["status"] == "running" and job["waiting_on"] else job["status"]
            if stands == wanted:
                return
            self._need(stands not in ENDED, f"{job['job_type']} {stands} at {job['step']}: {job['error']}")
            self._need(self._time_left() > RESERVE_SECONDS, f"out of time, {job['job_type']} {stands} at {job['step']}")
            self._pause(POLL_SECONDS)

    def _data(self, method: str, path: str, body: Body | None = None, *, role: SmokeRole = "agent") -> Any:
        reply = self._release.request(method, path, body, role=role)
        error = reply.body.get("error") or {}
        self._need(reply.status < 400, f"{method} {path.partition('?')[0]}: {reply.status} {error.get('code', '')}")
        return reply.body["data"]

    def _need(self, holds: bool, words: str) -> None:
        if not holds:
            raise Refused("RELEASE_BLOCKED", f"{self._name}: {words}", details={"failed_checks": [self._name]})


class _Smoke(_Calls):
    """The steps."""

    def ready(self) -> None:
        """Database and issuer answer, and the token opens the smoke tenant to its agent."""
        self._data("GET", "/health/ready")
        found = self._data("GET", "/api/v1/me")
        self._need("evaluation.start" in found["permissions"], "the agent may not start evaluations")

    def rules(self) -> Body:
        """The rule pack as an active version; the same content is published once, under a code made of it."""
        digest = hashlib.sha256(repr(self._bid.rules).encode()).hexdigest()[:8]
        code = f"{self._bid.rules['code']}-{digest}"
        known = self._data("GET", f"/api/v1/rule-packs?code={code}")["items"]
        pack_id = (known or [self._data("POST", "/api/v1/rule-packs", {"code": code, "name": code})])[0]["rule_pack_id"]
        at = f"/api/v1/rule-packs/{pack_id}"
        versions = self._data("GET", at)["versions"]
        active = [version["version"] for version in versions if version["status"] == "active"]
        if not active:
            draft = self._data("POST", f"{at}/versions", {"payload": self._bid.rules})["version"]
            self._data("POST", f"{at}/versions/{draft}/submit", {})
            self._data("POST", f"{at}/versions/{draft}/activate", {}, role="admin")
            active = [draft]
        return {"id": pack_id, "version": active[0]}

    def project(self, code: str, rules: Body) -> str:
        """A project that is open for bids."""
        body = {"code": code, "name": "Smoke test of a release", "currency": "EUR", "rule_pack": rules}
        made: str = self._data("POST", "/api/v1/projects", body)["project_id"]
        self._data("POST", f"/api/v1/projects/{made}/open", {"reason": "smoke test"})
        return made

    def supplier(self) -> str:
        """The one bidder of the tenant."""
        known = self._data("GET", f"/api/v1/suppliers?code={SUPPLIER}")["items"]
        body = {"code": SUPPLIER, "name": "Smoke Test Shelving Ltd"}
        made: str = (known or [self._data("POST", "/api/v1/suppliers", body)])[0]["supplier_id"]
        return made

    def documents(self, project_id: str, supplier_id: str) -> None:
        """Tender and bid, uploaded by signed links and read to the end."""
        jobs = [
            self._upload(project_id, None, self._bid.tender, "tender"),
            self._upload(project_id, supplier_id, self._bid.bid, "bid"),
        ]
        for job_id in jobs:
            self._job(job_id, "succeeded")

    def evaluation(self, project_id: str, supplier_id: str) -> str:
        """An evaluation that decided by rule and now waits for a person."""
        self._data("POST", f"/api/v1/projects/{project_id}/close", {"reason": "all bids are in"})
        body = {"project_id": project_id, "supplier_id": supplier_id}
        made = self._data("POST", "/api/v1/evaluations", body)
        self._job(made["job_id"], "waiting")
        evaluation_id: str = made["evaluation_id"]
        outcomes = {item["criterion_code"]: item["outcome"] for item in self._criteria(evaluation_id)}
        self._need(outcomes.get("M-1") == "pass", f"the rule did not pass the certificate: {outcomes}")
        return evaluation_id

    def review(self, evaluation_id: str) -> None:
        """The person's answer, after which the evaluation goes on to its end."""
        query = f"evaluation_id={evaluation_id}&status=open"
        found = self._data("GET", f"/api/v1/reviews?{query}", role="evaluator")["items"]
        self._need(len(found) == 1, f"{len(found)} reviews wait")
        at = f"/api/v1/reviews/{found[0]['review_id']}"
        edits = [self._edit(item) for item in self._criteria(evaluation_id) if item["review_reasons"]]
        token = self._data("POST", f"{at}/claim", {}, role="evaluator")["resume_token"]
        body = {"decision": "edit_scores", "comment": "Smoke test of a release.", "edits": edits, "resume_token": token}
        answered = self._data("POST", f"{at}/submit", body, role="evaluator")
        self._job(answered["job"]["job_id"], "succeeded")

    def report(self, evaluation_id: str) -> str:
        """The report of this evaluation with its total, as it was filed: the API compares the hash."""
        versions = self._data("GET", f"/api/v1/evaluations/{evaluation_id}/reports")["versions"]
        self._need(len(versions) > 0, "no report was filed")
        report_id: str = max(versions, key=lambda version: version["version"])["report_id"]
        content = self._data("GET", f"/api/v1/reports/{report_id}")
        self._need(evaluation_id in str(content), "the report is of another evaluation")
        return report_id

    def citations(self, evaluation_id: str) -> int:
        """How many citations resolve: each opens its document at a page, with the quote in it."""
        cited = [c for item in self._criteria(evaluation_id) for claim in item["claims"] for c in claim["citations"]]
        self._need(len(cited) >= 2, f"{len(cited)} citations; the rule and the person made one each")
        for one in cited:
            found = self._data("GET", f"/api/v1/citations/{one['citation_id']}")
            self._need(found["quote"] == one["quote"] and found["page"] >= 1, "a citation does not resolve")
        return len(cited)

    def archive(self, project_id: str) -> None:
        """Out of the way of people; a project that cannot be archived any more is left as it is."""
        with suppress(CodedError):  # the step that failed is what counts, not that this fails after it
            for move in ("close", "archive"):
                self._release.request("POST", f"/api/v1/projects/{project_id}/{move}", {"reason": "smoke test"})

    def _upload(self, project_id: str, supplier_id: str | None, file: SmokeFile, kind: str) -> str:
        declared = {
            "filename": file.name,
            "doc_type": kind,
            "role": "primary",
            "size_bytes": len(file.content),
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "media_type": file.media_type,
        }
        body = {"project_id": project_id, "supplier_id": supplier_id, "files": [declared]}
        session = self._data("POST", "/api/v1/uploads", body)
        link = session["files"][0]
        status = self._release.send(link["put"]["url"], link["put"]["headers"], file.content)
        self._need(status < 300, f"the link of {file.name} answered {status}")
        sent = {"files": [{"file_id": link["file_id"]}]}
        item = self._data("POST", f"/api/v1/uploads/{session['upload_id']}/complete", sent)["items"][0]
        self._need("job_id" in item, f"{file.name} was refused: {item.get('code')}")
        job_id: str = item["job_id"]
        return job_id

    def _edit(self, item: Body) -> dict[str, Any]:
        """Full marks with a passage of the evidence that the step found."""
        chunk_id = (item["evidence_pack"] or {"items": []})["items"][0]["chunk_id"]
        text = self._data("GET", f"/api/v1/chunks/{chunk_id}")["text"]
        return {
            "criterion_id": item["criterion_id"],
            "outcome": "pass",
            "score": item["max_score"],
            "reason": "Decided by the smoke test of a release.",
            "citations": [{"chunk_id": chunk_id, "quote": text.split("\n", 1)[0][:QUOTE_LENGTH].strip()}],
        }

    def _criteria(self, evaluation_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._data("GET", f"/api/v1/evaluations/{evaluation_id}/criteria")["items"]
        return items
