"""Do the job of a dead letter once more: a new job, finished parts kept (spec W104, A115)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared.domain.dead_letters import DeadLetter, refused_keys
from shared.domain.errors import Refused
from shared.domain.jobs import Job, new_job
from shared.domain.transitions import JOB, is_terminal
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class RequeueDeadLetter:
    """`patch` changes payload keys that the job type honours."""

    dlq_id: str
    reason: str
    patch: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequeuedDeadLetter:
    """The resolved item and the accepted job."""

    item: DeadLetter
    job: Job
    run_id: str


def requeue_dead_letter(command: RequeueDeadLetter, *, records: Records, ids: Ids, clock: Clock) -> RequeuedDeadLetter:
    """Accept the new job, queue its resource and resolve the item, in one transaction.

    Page ranges of the running parse run, criterion runs, checkpoints and verdicts are rows that the steps find again.
    Raises Refused DLQ_ITEM_NOT_FOUND, DLQ_REQUEUE_CONFLICT (a message, resolved, or a resource that cannot be queued
    again), REQ_VALIDATION_FAILED for a patch key that nothing honours, or TENANT_BACKLOG_FULL."""
    with records.transaction():
        item = records.dead_letters.get(command.dlq_id, lock=True)
        if item.kind != "job" or item.status != "open" or item.job_id is None:
            raise Refused("DLQ_REQUEUE_CONFLICT", details={"kind": item.kind, "status": item.status})
        old = records.jobs.get(item.job_id, lock=True)
        if old.status != "failed":  # its three commits are not all made yet (W102)
            raise Refused("DLQ_REQUEUE_CONFLICT", details={"job_status": old.status})
        again = _again(records, old, ids, clock)
        refused = refused_keys(again.job_type, command.patch)
        if refused:
            fields = [{"field": f"body.patch.{key}", "rule": "not_allowed"} for key in refused]
            raise Refused("REQ_VALIDATION_FAILED", details={"fields": fields})
        run_id = ids.new("run")
        job = records.jobs.accept(replace(again, payload={**again.payload, **command.patch}), run_id=run_id)
        _queue_resource(records, job)
        done = records.dead_letters.requeued(item, new_job_id=job.job_id, reason=command.reason)
    return RequeuedDeadLetter(item=done, job=job, run_id=run_id)


def _again(records: Records, old: Job, ids: Ids, clock: Clock) -> Job:
    """A failed evaluation begins at its plan again, whatever part of it a resume job was to do."""
    job_type, payload = old.job_type, old.payload
    if old.job_type == "resume_evaluation" and records.evaluations.get(old.resource_id).status == "failed":
        job_type, payload = "evaluate_bid", {}
    return new_job(
        job_type,
        old.resource_id,
        job_id=ids.new("job"),
        tenant_id=old.tenant_id,
        now=clock.now(),
        project_id=old.project_id,
        lane=old.lane,
        priority=old.priority,
        requeue_of=old.job_id,
        payload=payload,
    )


def _queue_resource(records: Records, job: Job) -> None:
    """Each goes back to its queued state; a batch has none, its items ended with it: it is asked for anew."""
    if job.resource_type == "document":
        document = records.documents.get(job.resource_id, lock=True)
        if document.status in ("parse_failed", "index_failed"):
            records.moves.document(document, "parse_queued", error_code=None)
        elif document.status != "indexed" or not _is_reparse(records, job):
            raise _conflict(document.status)
    elif job.resource_type == "evaluation":
        evaluation = records.evaluations.get(job.resource_id, lock=True)
        if evaluation.status == "failed":
            queued = records.moves.evaluation(evaluation, "queued", job_id=job.job_id, error_code=None)
            records.evaluations.change(queued, stage="retrieve")  # a new run begins at the first stage (W27)
        elif evaluation.status in ("parked", "report_generated"):  # a resume job: what stood before it still stands
            records.evaluations.change(evaluation, job_id=job.job_id)
        else:
            raise _conflict(evaluation.status)
    elif job.resource_type == "export":
        export = records.exports.get(job.resource_id)
        if export.status != "failed":
            raise _conflict(export.status)
        records.exports.queue_again(export.export_id, job_id=job.job_id)
    else:
        raise _conflict(None)


def _is_reparse(records: Records, job: Job) -> bool:
    """Whether it reads an indexed document again and no other job does: that one stays indexed meanwhile (P78)."""
    filters = {"type": job.job_type, "resource_id": job.resource_id}
    others = records.jobs.list(filters=filters, before=job.job_id, limit=1)
    return "replaces" in job.payload and all(is_terminal(JOB, one.status) for one in others)


def _conflict(status: str | None) -> Refused:
    return Refused("DLQ_REQUEUE_CONFLICT", details={"resource_status": status})
