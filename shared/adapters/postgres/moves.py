"""The only SQL that changes a state: table of moves, row version, audit, outbox and run event in one (D101)."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, TypeVar

from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.adapters.postgres.trail import Trail
from shared.domain import transitions
from shared.domain.batches import Batch
from shared.domain.documents import Document
from shared.domain.errors import Refused
from shared.domain.evaluation_rows import Evaluation, Review
from shared.domain.jobs import TASK_TYPES, Job
from shared.domain.releases import Release
from shared.ports.platform import Clock

Row = TypeVar("Row", Job, Document, Evaluation, Review, Batch, Release)

EVENTS = {
    "jobs": {
        "running": "job.started",
        "retrying": "job.retry.scheduled",
        "succeeded": "job.succeeded",
        "dlq_recorded": "dlq.recorded",
        "failed": "job.failed",
        "canceled": "job.canceled",
    },
    "documents": {"indexed": "document.indexed", "parse_failed": "document.failed", "index_failed": "document.failed"},
    "evaluations": {
        "evaluating": "evaluation.started",
        "needs_manual_decision": "evaluation.needs_manual_decision",
        "parked": "evaluation.parked",
        "approved": "evaluation.approved",
        "rejected": "evaluation.rejected",
        "report_generated": "report.generated",
    },
    "reviews": {"expired": "review.expired"},
    "releases": dict.fromkeys(transitions.RELEASE, "release.changed"),
}
RUN_EVENTS = {"succeeded": "run.succeeded", "failed": "run.failed", "stopped": "run.canceled"}


def _value(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, (dict, list)) else list(value) if isinstance(value, tuple) else value


class Moves:
    """The Moves port."""

    def __init__(self, session: Session, trail: Trail, *, clock: Clock) -> None:
        self._session, self._trail, self._clock = session, trail, clock

    def job(self, job: Job, to: str, **changes: Any) -> Job:
        """Move a job; sets its times and, when the stage changes, writes run.stage.changed."""
        transitions.check_move(transitions.JOB, job.status, to)
        now = self._clock.now()
        if "stage" in changes and changes["stage"] != job.stage:
            transitions.check_stage(job.stage, changes["stage"])
        if to == "running" and job.started_at is None:
            changes["started_at"] = now
        if transitions.is_terminal(transitions.JOB, to):
            changes |= {"ended_at": now, "waiting_on": None}
        if to == "succeeded":
            changes["progress_done"] = job.progress_total
        with self._session.transaction():
            moved = self._move("jobs", "job_id", job, to, changes)
            about, more = ("job", job.job_id), {}
            if job.job_type in TASK_TYPES:
                more = {"job_type": job.job_type, "lane": job.lane}  # wakes its workers when it is to be retried (W18)
            if job.batch_id is not None:
                more = {**more, "batch_id": job.batch_id}  # its batch follows it (A118)
            self._publish("jobs", about, to, moved.row_version, job.project_id, job_id=job.job_id, more=more)
            if "stage" in changes and changes["stage"] != job.stage and moved.claim_token:
                self._trail.run_event(
                    moved.claim_token, "run.stage.changed", stage=moved.stage, payload={"from": job.stage}
                )
        return moved

    def document(self, document: Document, to: str, **changes: Any) -> Document:
        """Move a document."""
        transitions.check_move(transitions.DOCUMENT, document.status, to)
        with self._session.transaction():
            moved = self._move("documents", "document_id", document, to, changes)
            about = ("document", document.document_id)
            self._publish("documents", about, to, moved.row_version, document.project_id)
        return moved

    def reparsed(self, document: Document, *, parse_run_id: str, page_count: int) -> Document:
        """Point an indexed document to a newer parse run, and publish document.indexed once more."""
        if document.status != "indexed":
            raise Refused("WF_STATE_TRANSITION_INVALID", details={"from": document.status, "to": "indexed"})
        with self._session.transaction():
            changes = {"parse_run_id": parse_run_id, "page_count": page_count}
            moved = self._move("documents", "document_id", document, "indexed", changes)
            about = ("document", document.document_id)
            self._publish("documents", about, "indexed", moved.row_version, document.project_id)
        return moved

    def evaluation(self, evaluation: Evaluation, to: str, **changes: Any) -> Evaluation:
        """Move an evaluation; the stage only goes forward."""
        transitions.check_move(transitions.EVALUATION, evaluation.status, to)
        if "stage" in changes:
            transitions.check_stage(evaluation.stage, changes["stage"])
        with self._session.transaction():
            moved = self._move("evaluations", "evaluation_id", evaluation, to, changes)
            about = ("evaluation", evaluation.evaluation_id)
            self._publish("evaluations", about, to, moved.row_version, evaluation.project_id, job_id=evaluation.job_id)
        return moved

    def review(self, review: Review, to: str, **changes: Any) -> Review:
        """Move a review."""
        transitions.check_move(transitions.REVIEW, review.status, to)
        with self._session.transaction():
            moved = self._move("reviews", "review_id", review, to, changes)
            self._publish("reviews", ("review", review.review_id), to, moved.row_version, review.project_id)
        return moved

    def batch(self, batch: Batch, to: str, **changes: Any) -> Batch:
        """Move a batch; its own job and those of its items tell the world."""
        transitions.check_move(transitions.BATCH, batch.status, to)
        with self._session.transaction():
            moved = self._move("batches", "batch_id", batch, to, changes)
            self._trail.audit(f"batch.{to}", "batch", batch.batch_id)
        return moved

    def release(self, release: Release, to: str, **changes: Any) -> Release:
        """Move a release, and publish release.changed."""
        transitions.check_move(transitions.RELEASE, release.status, to)
        with self._session.transaction():
            moved = self._move("releases", "release_id", release, to, changes)
            about = ("release", release.release_id)
            self._publish("releases", about, to, moved.row_version, None, job_id=moved.job_id)
        return moved

    def enter_stage(self, job: Job, stage: str) -> None:
        """Let a living job enter a later stage and tell its run's stream; a parallel step that did it first wins."""
        transitions.check_stage(job.stage, stage)
        with self._session.transaction():
            entered = self._session.execute(
                """update jobs set stage = %(stage)s, updated_at = clock_timestamp(), row_version = row_version + 1
                   where job_id = %(job_id)s and stage is not distinct from %(old)s
                     and status in ('running', 'retrying')""",
                job_id=job.job_id,
                stage=stage,
                old=job.stage,
            )
            if entered and job.claim_token:
                self._trail.run_event(job.claim_token, "run.stage.changed", stage=stage, payload={"from": job.stage})

    def close_run(self, run_id: str, status: str, *, next_run_id: str | None = None) -> None:
        """End the run once and append its last events; the last one names the run in which the work goes on (A131)."""
        with self._session.transaction():
            ended = self._session.execute(
                """update runs set status = %(status)s, ended_at = %(now)s, updated_at = clock_timestamp(),
                     row_version = row_version + 1
                   where run_id = %(run_id)s and status in ('created', 'started')""",
                run_id=run_id,
                status=status,
                now=self._clock.now(),
            )
            if ended:
                if status in RUN_EVENTS:
                    self._trail.run_event(run_id, RUN_EVENTS[status], stage=None, payload={})
                payload = {"status": status} | ({"next_run_id": next_run_id} if next_run_id else {})
                self._trail.run_event(run_id, "run.closed", stage=None, payload=payload)

    def _publish(
        self,
        table: str,
        about: tuple[str, str],
        to: str,
        version: int,
        project_id: str | None,
        *,
        job_id: str | None = None,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._trail.audit(f"{about[0]}.{to}", *about)
        event = EVENTS[table].get(to)
        if event:
            key = f"{about[0]}_id"
            payload = {key: about[1], "status": to, **more}
            self._trail.publish(event, (*about, version), payload, project_id=project_id, job_id=job_id)

    def _move(self, table: str, key: str, row: Row, to: str, changes: Mapping[str, Any]) -> Row:
        columns = {f.name for f in fields(type(row))}
        unknown = changes.keys() - columns
        if unknown:
            raise ValueError(f"{table} has no columns {sorted(unknown)}")
        assignments = "".join(f", {name} = %({name})s" for name in changes)
        saved = self._session.first(
            type(row),
            f"""update {table} set status = %(to)s, updated_at = clock_timestamp(), row_version = row_version + 1,
                  updated_by = coalesce(nullif(current_setting('app.actor_id', true), ''), 'system'){assignments}
                where {key} = %(key)s and row_version = %(old_version)s
                returning {", ".join(sorted(columns))}""",
            to=to,
            key=getattr(row, key),
            old_version=row.row_version,
            **{name: _value(value) for name, value in changes.items()},
        )
        if saved is None:
            raise Refused("VERSION_CONFLICT", f"{table} row changed since it was read")
        return saved
