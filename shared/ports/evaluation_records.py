"""Evaluations, evidence, verdicts, reviews and reports of one tenant."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from shared.domain.evaluation_rows import (
    CitationSource,
    CriterionRun,
    Decision,
    Evaluation,
    KeptThread,
    MatrixCell,
    Report,
    Review,
    ReviewItem,
    Wait,
)
from shared.domain.evidence import Verdict
from shared.domain.plans import PinnedDocument, Plan
from shared.domain.retrieval import EvidencePack, SearchLog


class Threads(Protocol):
    """The threads of an evaluation's criteria, as far as rows tell: the API carries no library of graphs (A163)."""

    def kept(self, evaluation_id: str) -> list[KeptThread]:
        """Those that have checkpoints, by ordinal of their criteria."""
        ...

    def forget(self, evaluation_id: str, criterion_ids: Sequence[str], *, again: bool) -> None:
        """Delete the checkpoints of these criteria; with `again` the interrupted ones are pending once more (W84)."""
        ...


class Evaluations(Protocol):
    """Evaluations with their snapshots, pinned documents and criterion runs."""

    def add(self, evaluation: Evaluation, plan: Plan) -> Evaluation:
        """Insert evaluation, snapshot and pinned documents; raises Refused EVALUATION_DUPLICATE for a taken plan."""
        ...

    def get(self, evaluation_id: str, *, lock: bool = False) -> Evaluation:
        """The evaluation; raises Refused EVALUATION_NOT_FOUND."""
        ...

    def change(self, evaluation: Evaluation, **changes: Any) -> Evaluation:
        """Save stage, scores or reasons without a move; raises Refused VERSION_CONFLICT."""
        ...

    def snapshot(self, evaluation_id: str) -> tuple[dict[str, Any], str]:
        """Payload and hash of the frozen plan; raises Refused EVALUATION_NOT_FOUND."""
        ...

    def documents(self, evaluation_id: str) -> list[PinnedDocument]:
        """The pinned documents with the status they have now, by document id."""
        ...

    def plan_criteria(self, runs: Sequence[CriterionRun]) -> None:
        """Insert the criterion runs that are missing."""
        ...

    def criterion_runs(self, evaluation_id: str, *, group_no: int | None = None) -> list[CriterionRun]:
        """By ordinal, of one group or all."""
        ...

    def mark_criterion(
        self, evaluation_id: str, criterion_id: str, status: str, *, interrupt_id: str | None, input_hash: str | None
    ) -> None:
        """Set status and interrupt of a criterion run; `input_hash` None keeps what is stored."""
        ...

    def matrix(self, project_id: str) -> list[MatrixCell]:
        """Current verdicts of the newest evaluation of every supplier, by supplier and criterion (A98)."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Evaluation]:
        """Newest first, ids below `before`; filters by project_id, supplier_id, status, plan_id, reason."""
        ...


class Searches(Protocol):
    """Search logs and evidence packs; both are written once."""

    def add_log(self, log: SearchLog) -> None:
        """Insert a search log; the same id again changes nothing."""
        ...

    def add_pack(self, evaluation_id: str, criterion_id: str, pack: EvidencePack) -> None:
        """Insert an evidence pack; the same id again changes nothing."""
        ...

    def log(self, search_log_id: str) -> SearchLog | None:
        """The log, or None."""
        ...

    def pack(self, pack_id: str) -> EvidencePack | None:
        """The pack, or None."""
        ...


class Verdicts(Protocol):
    """Verdict revisions with their citations; append-only."""

    def add(self, evaluation_id: str, verdict: Verdict) -> None:
        """Insert a revision with its citations.

        Raises Permanent VERDICT_WITHOUT_EVIDENCE or CITATION_QUOTE_MISMATCH (the database refuses, D17)."""
        ...

    def current(self, evaluation_id: str) -> list[Verdict]:
        """The newest revision of every criterion, with claims and citations."""
        ...

    def revisions(self, evaluation_id: str, criterion_id: str, *, lock: bool = False) -> list[Verdict]:
        """All revisions of one criterion, oldest first; `lock` keeps others from adding one until the commit."""
        ...

    def citation(self, citation_id: str) -> CitationSource:
        """The citation with what one needs to show its source (A71); raises Refused CITATION_NOT_FOUND."""
        ...


class Waits(Protocol):
    """Stored callbacks of running executions."""

    def open_wait(self, wait: Wait) -> Wait:
        """Insert the wait, or replace token and due time of the open wait of the same run and state (W46)."""
        ...

    def wait_of(self, review_id: str) -> Wait | None:
        """The newest wait of the review."""
        ...

    def open_wait_of_job(self, job_id: str) -> Wait | None:
        """The open wait of the job's runs, or None."""
        ...

    def close_wait(self, wait_id: str, status: str) -> bool:
        """Move an open wait to delivered, expired, canceled or orphaned; False when it was closed already."""
        ...


class Reviews(Waits, Protocol):
    """Reviews with items and decisions."""

    def add(self, review: Review, items: Sequence[ReviewItem]) -> Review:
        """Insert an open review and what it asks."""
        ...

    def get(self, review_id: str, *, lock: bool = False) -> Review:
        """The review; raises Refused REVIEW_NOT_FOUND."""
        ...

    def live(self, evaluation_id: str) -> Review | None:
        """The review that is open, claimed or submitted; there is at most one."""
        ...

    def renew(self, review: Review, **changes: Any) -> Review:
        """Save claim_expires_at or a token without a move; raises Refused VERSION_CONFLICT."""
        ...

    def items(self, review_id: str) -> list[ReviewItem]:
        """In the order they were added."""
        ...

    def remind(self, review_id: str) -> int | None:
        """Note the newest reminder of the waiting review that is due, in per cent of its wait; None when none is."""
        ...

    def append_decisions(self, decisions: Sequence[Decision]) -> None:
        """Insert what a person decided."""
        ...

    def decision(self, decision_id: str) -> Decision | None:
        """One decision, or None."""
        ...

    def decisions(self, review_id: str) -> list[Decision]:
        """In the order they were added."""
        ...

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Review]:
        """Newest first; filters by evaluation_id, project_id, status, assigned_to, due_before, reason."""
        ...


class Reports(Protocol):
    """Report versions; append-only."""

    def add(self, report: Report) -> None:
        """Insert a version; the same evaluation and version again changes nothing."""
        ...

    def get(self, report_id: str) -> Report:
        """The report; raises Refused REPORT_NOT_FOUND."""
        ...

    def of_evaluation(self, evaluation_id: str) -> list[Report]:
        """All versions, newest first."""
        ...

    def audit_span(self, evaluation_id: str) -> tuple[int | None, int | None]:
        """First and last number of the audit entries about the evaluation itself (E86)."""
        ...
