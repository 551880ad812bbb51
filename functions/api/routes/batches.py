"""Batches: many evaluations, exports or parses asked for at once, each ending on its own (spec A113, A118, U54)."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from functions.api.answers import Answer, accepted, view
from functions.api.caller import Asking, Caller
from functions.api.fields import BatchId, DocumentId, EvaluationId, Input, ProjectId, ReportId, RulePackRef, SupplierId
from functions.api.fields import Text as Reason
from functions.api.paging import Cursor, Limit, given, page
from functions.api.routes.jobs import started
from functions.api.routing import new_router, route
from shared.domain.batches import MOST_ITEMS, Batch, BatchItem
from shared.domain.errors import Refused
from shared.usecases.cancel_batch import CancelBatch, cancel_batch
from shared.usecases.start_batch import AskedItem, StartBatch, start_batch

router = new_router()
MISSING = "BATCH_NOT_FOUND"
Status = Literal["pending", "started", "succeeded", "failed", "canceled"]


class EvaluateItem(Input):
    """One bid against one rule pack version; without one, the project's when the item begins."""

    project_id: ProjectId
    supplier_id: SupplierId
    rule_pack: RulePackRef | None = None
    force_review: bool = False
    rerun_of: EvaluationId | None = None

    def payload(self) -> dict[str, Any]:
        """The item as it is stored."""
        pack = self.rule_pack
        return {
            "project_id": self.project_id,
            "supplier_id": self.supplier_id,
            "rule_pack_id": pack and pack.id,
            "rule_pack_version": pack and pack.version,
            "force_review": self.force_review,
            "rerun_of": self.rerun_of,
        }


class ExportItem(Input):
    """A file of a report."""

    kind: Literal["json", "csv", "pdf"]
    report_id: ReportId

    def payload(self) -> dict[str, Any]:
        """The item as it is stored."""
        return {"kind": self.kind, "report_id": self.report_id}


class ParseItem(Input):
    """A document to parse again, and why."""

    document_id: DocumentId
    reason: Reason

    def payload(self) -> dict[str, Any]:
        """The item as it is stored."""
        return {"document_id": self.document_id, "reason": self.reason}


class EvaluateBatch(Input):
    """Evaluations to start."""

    kind: Literal["evaluate"]
    items: Annotated[list[EvaluateItem], Field(min_length=1)]


class ExportBatch(Input):
    """Files to make."""

    kind: Literal["export"]
    items: Annotated[list[ExportItem], Field(min_length=1)]


class ParseBatch(Input):
    """Documents to parse again."""

    kind: Literal["parse"]
    items: Annotated[list[ParseItem], Field(min_length=1)]


class Cancellation(Input):
    """Why the rest is not wanted any more."""

    reason: Reason


NewBatch = Annotated[EvaluateBatch | ExportBatch | ParseBatch, Field(discriminator="kind")]


@route(
    router,
    "POST",
    "/batches",
    "batch.write",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=("BATCH_LIMIT_EXCEEDED", "TENANT_BACKLOG_FULL"),
)
def post_batch(caller: Asking, body: NewBatch) -> Answer:
    """Ask for up to 1,000 things of one kind; an item that cannot be done ends with its code and stops no other."""
    if len(body.items) > MOST_ITEMS:  # before a row is read for them
        raise Refused("BATCH_LIMIT_EXCEEDED", details={"limit": MOST_ITEMS, "items": len(body.items)})
    items = [AskedItem(payload=item.payload(), refused=_refusal(caller, item)) for item in body.items]
    made = caller.run(start_batch, StartBatch(kind=body.kind, items=items))
    data = started(made.job, made.run_id) | show_batch(caller, made.batch)
    return accepted(data, location=f"/api/v1/batches/{made.batch.batch_id}")


@route(router, "GET", "/batches/{batch_id}", "batch.read", shows=dict[str, Any], errors=(MISSING,))
def get_batch(caller: Asking, batch_id: BatchId) -> Answer:
    """A batch and how many of its items stand where, counted now."""
    return Answer(data=show_batch(caller, caller.records.batches.get(batch_id)))


@route(
    router,
    "GET",
    "/batches/{batch_id}/items",
    "batch.read",
    lists=BatchItem,
    errors=(MISSING, "REQ_CURSOR_INVALID"),
)
def get_items(
    caller: Asking, batch_id: BatchId, status: Status | None = None, limit: Limit = 20, cursor: Cursor = None
) -> Answer:
    """The items in their order, with job, state and code of each."""
    batches = caller.records.batches
    batches.get(batch_id)
    return page(
        caller,
        lambda after, count: batches.items(batch_id, after=int(after or 0), limit=count, status=status),
        filters=given(status=status),
        key="place",
        limit=limit,
        cursor=cursor,
        show=lambda item: view(item, "batch_id", payload=_without_version(item)),
    )


@route(
    router,
    "POST",
    "/batches/{batch_id}/cancel",
    "batch.write",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=(MISSING, "JOB_CANCEL_CONFLICT"),
)
def post_cancel(caller: Asking, batch_id: BatchId, body: Cancellation) -> Answer:
    """Cancel what has not ended; jobs of items that are under way are canceled after the answer."""
    canceled = caller.run(cancel_batch, CancelBatch(batch_id=batch_id, reason=body.reason))
    return accepted(show_batch(caller, canceled), location=f"/api/v1/batches/{batch_id}")


def show_batch(caller: Caller, batch: Batch) -> dict[str, Any]:
    """The batch with its counts; total = succeeded + failed + canceled + open."""
    counts = caller.records.batches.counts(batch.batch_id)
    return view(batch, **view(counts), processed=counts.processed, open=counts.open)


def _without_version(item: BatchItem) -> dict[str, Any]:
    return {name: value for name, value in item.payload.items() if name != "schema_version"}


def _refusal(caller: Caller, item: EvaluateItem | ExportItem | ParseItem) -> str | None:
    """Why this person may not ask for this item, as the single request would say it; that is all it ends with.

    Rows are only read for people whose rights differ between projects; what is not there, the item's start tells."""
    if isinstance(item, EvaluateItem):
        return _denied(caller, "evaluation.start", lambda: item.project_id, missing="PROJECT_NOT_FOUND")
    if isinstance(item, ExportItem):
        return _denied(caller, "export.create", lambda: _project_of_report(caller, item), missing="REPORT_NOT_FOUND")
    return _denied(caller, "document.parse", lambda: _project_of_document(caller, item), missing="DOC_NOT_FOUND")


def _denied(caller: Caller, action: str, project_of: Callable[[], str | None], *, missing: str) -> str | None:
    try:
        caller.require_for(action, project_of, missing=missing)
    except Refused as refusal:
        return refusal.code
    return None


def _project_of_document(caller: Caller, item: ParseItem) -> str | None:
    return caller.records.documents.get(item.document_id).project_id


def _project_of_report(caller: Caller, item: ExportItem) -> str | None:
    report = caller.records.reports.get(item.report_id)
    return caller.records.evaluations.get(report.evaluation_id).project_id
