"""The truth of one tenant. No method takes a tenant id, so none can forget it (design section 8)."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from shared.domain.batches import Batch
from shared.domain.context import Actor
from shared.domain.documents import Document
from shared.domain.evaluation_rows import Evaluation, Review
from shared.domain.jobs import Job, Run
from shared.domain.releases import Release
from shared.ports.approval_records import Approvals
from shared.ports.archive_records import ArchiveEntries
from shared.ports.batch_records import Batches
from shared.ports.dead_letter_records import DeadLetters
from shared.ports.document_records import Chunks, Documents, Facts, ParseRuns, Uploads
from shared.ports.evaluation_records import Evaluations, Reports, Reviews, Searches, Threads, Verdicts
from shared.ports.export_records import Exports
from shared.ports.idempotency_records import Idempotency
from shared.ports.project_records import Bids, Projects, RulePacks, Suppliers, Users
from shared.ports.release_records import Releases
from shared.ports.sweep_records import Findings, Leftovers, Repairs
from shared.ports.task_records import Tasks
from shared.ports.trace_records import Traces
from shared.ports.webhook_records import WebhookDeliveries, Webhooks


class Trail(Protocol):
    """What every change leaves behind, in the transaction of the change (D4, D5)."""

    def audit(
        self,
        action: str,
        resource_type: str,
        resource_id: str,
        *,
        result: str = "done",
        changes: Mapping[str, Any] = ...,
    ) -> None:
        """One entry of the tenant's chain, appended as the last step of the transaction (S84)."""
        ...

    def publish(
        self,
        event_type: str,
        aggregate: tuple[str, str, int],
        payload: Mapping[str, Any],
        *,
        project_id: str | None = None,
        run_id: str | None = None,
        job_id: str | None = None,
    ) -> str:
        """Append an outbox event for (type, id, version) and return its event id."""
        ...

    def run_event(self, run_id: str, event_type: str, *, stage: str | None, payload: Mapping[str, Any]) -> int:
        """Append to the run's gapless stream and return the sequence number (A131)."""
        ...

    def consume(self, event_id: str, consumer: str) -> bool:
        """Note the event as consumed; False when this consumer had it already (W99)."""
        ...

    def alert(
        self,
        kind: str,
        aggregate: tuple[str, str, int],
        about: Mapping[str, Any],
        *,
        severity: str = "critical",
        project_id: str | None = None,
    ) -> None:
        """Publish alert.raised: something that people must look at; `severity` is warning or critical."""
        ...

    def published(self, event_id: str) -> Mapping[str, Any] | None:
        """What the tenant published under the id: type, aggregate, job and payload; None for another's (W101)."""
        ...


class Jobs(Protocol):
    """Jobs, runs and attempts."""

    def accept(self, job: Job, *, run_id: str) -> Job:
        """Insert job and run 1 and publish job.queued; raises Retryable TENANT_BACKLOG_FULL over 2,000 queued."""
        ...

    def get(self, job_id: str, *, lock: bool = False, alone: bool = False) -> Job:
        """The job; `lock` locks the row, `alone` also waits for the transactions of its steps and holds new ones
        back: for whoever ends a job from outside. Raises Refused JOB_NOT_FOUND."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> Sequence[Job]:
        """Newest first, ids below `before`; filters by status, type, project_id, resource_id, waiting."""
        ...

    def run(self, run_id: str) -> Run:
        """The run; raises Refused RUN_NOT_FOUND."""
        ...

    def newest_run(self, job_id: str) -> Run:
        """The run with the highest number; raises Refused RUN_NOT_FOUND."""
        ...

    def note_attempt(
        self,
        run_id: str,
        step: str,
        item: str,
        attempt: int,
        *,
        started_at: datetime,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        """Insert or finish the row of one try of a step; `error` has code, class and retryable."""
        ...

    def progress(self, job_id: str, *, done: int, step: str | None = None) -> None:
        """Raise progress_done to `done` of 100, never lower it (W128)."""
        ...

    def set_waiting(self, job_id: str, waiting_on: str | None) -> None:
        """Note what the job waits for; a waiting job takes no slot (W122)."""
        ...

    def events(self, run_id: str, *, after: int, limit: int) -> Sequence[dict[str, Any]]:
        """Run events with seq > after, in order."""
        ...

    def dead_letter(self, job: Job, *, dlq_id: str, step: str | None, error: Mapping[str, Any]) -> str:
        """Insert the dead letter of the job once and return its id (W102)."""
        ...


class Moves(Protocol):
    """The only ways a state changes: table checked, row version checked, audit, outbox and run event written.

    Each returns the row as saved; raises Refused WF_STATE_TRANSITION_INVALID or VERSION_CONFLICT."""

    def job(self, job: Job, to: str, **changes: Any) -> Job:
        """Move a job; changes may name stage, step, claim_token, waiting_on, error, error_code, dlq_id ..."""
        ...

    def document(self, document: Document, to: str, **changes: Any) -> Document:
        """Move a document; changes may name page_count, language, parse_run_id, error_code, media_type."""
        ...

    def reparsed(self, document: Document, *, parse_run_id: str, page_count: int) -> Document:
        """Point an indexed document, which stays indexed, to a newer parse run (D103, P78)."""
        ...

    def evaluation(self, evaluation: Evaluation, to: str, **changes: Any) -> Evaluation:
        """Move an evaluation; changes may name stage, scores, reasons, report_version, error_code."""
        ...

    def review(self, review: Review, to: str, **changes: Any) -> Review:
        """Move a review; changes may name claim, token hash, decision, comment, edits, submitter."""
        ...

    def batch(self, batch: Batch, to: str, **changes: Any) -> Batch:
        """Move a batch; changes may name cancel_reason."""
        ...

    def release(self, release: Release, to: str, **changes: Any) -> Release:
        """Move a release, and publish release.changed."""
        ...

    def enter_stage(self, job: Job, stage: str) -> None:
        """Let a living job enter a later stage; raises Refused WF_STAGE_INVALID for an earlier one."""
        ...

    def close_run(self, run_id: str, status: str, *, next_run_id: str | None = None) -> None:
        """End the run and append its last events; `next_run_id` names the run in which the work goes on (A131)."""
        ...


class Records(Protocol):
    """All tables of one tenant, for one actor."""

    @property
    def actor(self) -> Actor: ...

    @property
    def trail(self) -> Trail: ...

    @property
    def jobs(self) -> Jobs: ...

    @property
    def moves(self) -> Moves: ...

    @property
    def traces(self) -> Traces: ...

    @property
    def idempotency(self) -> Idempotency: ...

    @property
    def users(self) -> Users: ...

    @property
    def projects(self) -> Projects: ...

    @property
    def suppliers(self) -> Suppliers: ...

    @property
    def bids(self) -> Bids: ...

    @property
    def rule_packs(self) -> RulePacks: ...

    @property
    def uploads(self) -> Uploads: ...

    @property
    def documents(self) -> Documents: ...

    @property
    def parse_runs(self) -> ParseRuns: ...

    @property
    def archives(self) -> ArchiveEntries: ...

    @property
    def chunks(self) -> Chunks: ...

    @property
    def facts(self) -> Facts: ...

    @property
    def searches(self) -> Searches: ...

    @property
    def evaluations(self) -> Evaluations: ...

    @property
    def verdicts(self) -> Verdicts: ...

    @property
    def reviews(self) -> Reviews: ...

    @property
    def reports(self) -> Reports: ...

    @property
    def approvals(self) -> Approvals: ...

    @property
    def dead_letters(self) -> DeadLetters: ...

    @property
    def webhooks(self) -> Webhooks: ...

    @property
    def webhook_deliveries(self) -> WebhookDeliveries: ...

    @property
    def findings(self) -> Findings: ...

    @property
    def repairs(self) -> Repairs: ...

    @property
    def tasks(self) -> Tasks: ...

    @property
    def exports(self) -> Exports: ...

    @property
    def batches(self) -> Batches: ...

    @property
    def releases(self) -> Releases: ...

    @property
    def leftovers(self) -> Leftovers: ...

    @property
    def threads(self) -> Threads: ...

    def transaction(self) -> AbstractContextManager[None]:
        """One transaction; nested ones join."""
        ...
