"""One bid on its way to a report in a running `make up`, and what must be true of it at the end."""

import secrets
from dataclasses import dataclass
from typing import Any

import httpx

from infra.local.demo_decisions import quote_of
from infra.local.demo_documents import DemoProject
from infra.local.demo_run import Entered, enter, start_evaluations, waiting_reviews
from infra.local.local_secrets import ensure_secrets
from infra.local.tenants import demo_tenant
from shared.adapters.postgres.trail import chain_hash, tenant_audit_key
from shared.adapters.system import derive_key
from tests.workflow.up_process import Up, until

TENANT = demo_tenant().tenant_id


@dataclass
class Flow:
    """One project with one bid on its way to a report."""

    up: Up
    entered: Entered

    def job(self, job_id: str) -> dict[str, Any] | None:
        """The job when it ended or waits for a person."""
        job: dict[str, Any] = self.up.client.call("GET", f"/jobs/{job_id}")
        assert job["status"] not in ("failed", "canceled"), job
        return job if job["status"] == "succeeded" or job["waiting_on"] else None

    def read(self) -> None:
        """Wait until the bid is indexed."""
        for job_id in self.entered.jobs.values():
            until(lambda job_id=job_id: self.job(job_id))

    def evaluate(self) -> str:
        """Start the evaluation and return its job."""
        (job_id,) = start_evaluations(self.up.client, self.entered).values()
        return job_id

    def claim(self, job_id: str) -> dict[str, Any]:
        """Wait until the evaluation waits, claim the review and return the request that answers it."""
        until(lambda: self.job(job_id))
        client, (evaluation_id,) = self.up.client, self.entered.evaluations.values()
        review_id = waiting_reviews(client, self.entered)[evaluation_id]["review_id"]
        criteria = client.call("GET", f"/evaluations/{evaluation_id}/criteria", role="evaluator")["items"]
        judged = next(c for c in criteria if c["criterion_code"] == "J-1")
        edit = {
            "criterion_id": judged["criterion_id"],
            "outcome": "partial",
            "score": "80",
            "reason": "Read and decided by a person.",
            "citations": [quote_of(client, judged, "first")],
        }
        claimed = client.call("POST", f"/reviews/{review_id}/claim", {}, role="evaluator")
        body = {"decision": "edit_scores", "comment": "Read and decided.", "edits": [edit]}
        return {"review_id": review_id, "job_id": job_id, "body": body | {"resume_token": claimed["resume_token"]}}

    def submit(self, claimed: dict[str, Any]) -> None:
        """Answer with the token claimed before, and wait for the report."""
        headers = {"Authorization": f"Bearer {self.up.tokens['evaluator']}", "Idempotency-Key": secrets.token_hex(8)}
        at = f"{self.up.url}/api/v1/reviews/{claimed['review_id']}/submit"
        answer = httpx.post(at, json=claimed["body"], headers=headers, timeout=60)
        assert answer.status_code == 202, answer.text
        until(lambda: (job := self.job(claimed["job_id"])) and job["status"] == "succeeded")

    def check(self) -> None:
        """One report, each verdict once, nothing half done, and an audit chain that holds."""
        (evaluation_id,) = self.entered.evaluations.values()
        (version,) = self.up.client.call("GET", f"/evaluations/{evaluation_id}/reports")["versions"]
        report = self.up.client.call("GET", f"/reports/{version['report_id']}")
        assert report["totals"]["total"] == "80"
        revisions = self.up.rows(
            """select c.code, array_agg(v.revision order by v.revision), array_agg(v.source order by v.revision)
                 from verdicts v join criteria c using (tenant_id, criterion_id)
                where v.evaluation_id = %s group by c.code order by c.code""",
            evaluation_id,
        )
        assert [(code, numbers) for code, numbers, _ in revisions] == [("J-1", [1, 2]), ("M-1", [1])]
        assert revisions[0][2][1] == "person"
        chunks, written = self.up.rows(
            """select count(*), count(*) filter (where w.status = 'acked') from chunks c
                 join index_writes w using (tenant_id, parse_run_id, chunk_id) where c.project_id = %s""",
            self.entered.project_id,
        )[0]
        assert chunks == written > 0
        assert self.up.rows("select * from step_attempts where ended_at is null") == []
        assert self.up.rows("select * from dlq_items") == []
        until(lambda: not self.up.rows("select from local_platform.executions where status = 'RUNNING'"))
        assert self.up.rows("select * from local_platform.frames") == []
        assert {row[0] for row in self.up.rows("select status from local_platform.executions")} == {"SUCCEEDED"}
        check_audit(self.up)


def check_audit(up: Up) -> None:
    """Recompute the chain of the tenant."""
    master = ensure_secrets(up.folder, ["master_key"])["master_key"].encode()
    key, before = tenant_audit_key(derive_key(master, "audit"), TENANT), None
    rows = up.rows("select prev_hash, entry_hash, entry, seq from audit_log where tenant_id = %s order by seq", TENANT)
    assert [row[3] for row in rows] == list(range(1, len(rows) + 1))
    for previous, own, entry, _ in rows:
        assert before is None or previous == before
        assert chain_hash(key, previous, entry) == own
        before = own


def begin(product: Up, bid: DemoProject) -> Flow:
    """Enter the project and upload its bid."""
    return Flow(product, enter(product.client, bid, secrets.token_hex(3)))
