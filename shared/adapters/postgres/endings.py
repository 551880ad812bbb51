"""How a job ends that does not succeed: dead-lettered, or parked with its review; for steps and sweeps (W47, W102)."""

from collections.abc import Mapping
from typing import Any, Protocol

from shared.adapters.postgres.documents import Documents
from shared.adapters.postgres.evaluations import Evaluations
from shared.adapters.postgres.jobs import Jobs
from shared.adapters.postgres.moves import Moves
from shared.adapters.postgres.releases import Releases
from shared.adapters.postgres.reviews import Reviews
from shared.adapters.postgres.session import Session
from shared.adapters.postgres.trail import Trail
from shared.domain.evaluation_rows import Review
from shared.domain.jobs import Job
from shared.domain.sweeps import failed_state
from shared.domain.transitions import DOCUMENT, EVALUATION, JOB, is_terminal


class Areas(Protocol):
    """The areas of the same records that an ending writes to."""

    jobs: Jobs
    moves: Moves
    trail: Trail
    documents: Documents
    evaluations: Evaluations
    reviews: Reviews
    releases: Releases


class Endings:
    """The Endings port."""

    def __init__(self, session: Session, areas: Areas) -> None:
        self._session, self._jobs, self._moves, self._trail = session, areas.jobs, areas.moves, areas.trail
        self._documents, self._evaluations, self._reviews = areas.documents, areas.evaluations, areas.reviews
        self._releases = areas.releases

    def dead_letter(self, job_id: str, error: Mapping[str, Any], *, dlq_id: str, run_status: str) -> Job:
        """job dlq_pending; dead letter and dlq_recorded; resource and job failed: three commits (W102)."""
        code = error["code"]
        with self._session.transaction():
            job = self._jobs.get(job_id, lock=True, alone=True)
            if job.status in ("queued", "running", "retrying"):
                job = self._moves.job(job, "dlq_pending", error_code=code, error=dict(error))
        if job.status == "dlq_pending":
            with self._session.transaction():
                kept = self._jobs.dead_letter(job, dlq_id=dlq_id, step=job.step, error=error)
                job = self._moves.job(job, "dlq_recorded", dlq_id=kept, error_code=code, error=dict(error))
        if job.status == "dlq_recorded":
            with self._session.transaction():
                self._fail_resource(job, code)
                job = self._moves.job(job, "failed")
                self._moves.close_run(self._jobs.newest_run(job_id).run_id, run_status)
        return job

    def park(self, review: Review) -> None:
        """Expire review and wait, park the evaluation, cancel the job and stop its run, in the caller's transaction."""
        self._moves.review(review, "expired", resume_token_hash=None)
        wait = self._reviews.wait_of(review.review_id)
        if wait is not None:
            self._reviews.close_wait(wait.wait_id, "expired")
        evaluation = self._evaluations.get(review.evaluation_id, lock=True)
        if "parked" in EVALUATION[evaluation.status]:
            self._moves.evaluation(evaluation, "parked")
        job = self._jobs.get(evaluation.job_id or "", lock=True)
        run = self._jobs.newest_run(job.job_id)
        payload = {"review_id": review.review_id, "evaluation_id": review.evaluation_id}
        self._trail.run_event(run.run_id, "review.expired", stage="review", payload=payload)
        self._trail.run_event(run.run_id, "run.parked", stage="review", payload=payload)
        if not is_terminal(JOB, job.status):
            self._moves.job(job, "canceled", error_code="WF_INTERRUPT_EXPIRED", cancel_reason="review expired")
        self._moves.close_run(run.run_id, "stopped")

    def fail_release(self, release_id: str, code: str) -> None:
        """Block it at its gate, fail its replay, leave it where it stands otherwise; tell people (A144)."""
        release = self._releases.get(release_id, lock=True)
        if release.status == "gating":
            failed = [{"check": "GATE_FAILED", "reasons": [code]}]
            self._moves.release(release, "release_blocked", failed_checks=failed)
        elif release.status != "rollback_failed":  # that one has its alert
            if release.status == "replay_verifying":
                release = self._moves.release(release, "rollback_failed")
            about = {"level": "P0", "release_id": release_id, "code": code}
            self._trail.alert("release_failed", ("release", release_id, release.row_version), about)

    def _fail_resource(self, job: Job, code: str) -> None:
        if job.resource_type == "document":
            document = self._documents.get(job.resource_id)
            to = failed_state(DOCUMENT, document.status)
            if to:
                self._moves.document(document, to, error_code=code)
        elif job.resource_type == "evaluation":
            evaluation = self._evaluations.get(job.resource_id)
            to = failed_state(EVALUATION, evaluation.status)
            if to:
                self._moves.evaluation(evaluation, to, error_code=code)
        elif job.resource_type == "release":
            self.fail_release(job.resource_id, code)
        else:
            self._session.execute(
                """update exports set status = 'failed', error_code = %(code)s, updated_at = clock_timestamp(),
                     row_version = row_version + 1 where job_id = %(job_id)s and status = 'queued'""",
                code=code,
                job_id=job.job_id,
            )
