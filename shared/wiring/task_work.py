"""What the jobs of W18 do: which use case works for which job type, and which one begins an item of a batch."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.adapters.postgres.records import PostgresRecords
from shared.domain.batches import LANE, BatchItem
from shared.domain.errors import Permanent, Refused
from shared.domain.jobs import Job
from shared.ports.objects import ObjectStore
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records
from shared.usecases.cancel_job import CancelJob, cancel_job
from shared.usecases.render_export import RenderExport, render_export
from shared.usecases.reparse_document import ReparseDocument, reparse_document
from shared.usecases.request_export import RequestExport, request_export
from shared.usecases.run_batch import RunBatch, run_batch
from shared.usecases.start_evaluation import StartEvaluation, start_evaluation


def work(
    job: Job,
    run_id: str,
    *,
    records: PostgresRecords,
    objects: ObjectStore,
    ids: Ids,
    clock: Clock,
    time_left: Callable[[], float],
) -> float | None:
    """Do a task job for a run, in records of its own that only this run may change from now on (F28); seconds until it
    shall be done again, None when it needs no other pass."""
    records.session.fence(job.job_id, run_id)
    if job.job_type == "export":
        command = RenderExport(export_id=job.resource_id, job_id=job.job_id, run_id=run_id)
        render_export(command, records=records, objects=objects)
        return None
    if job.job_type == "batch":
        batch = RunBatch(batch_id=job.resource_id, job_id=job.job_id, run_id=run_id, again=job.retry_count > 0)
        begin = item_starter(records, ids=ids, clock=clock)
        return run_batch(batch, records=records, start_item=begin, time_left=time_left).come_again
    raise Permanent("INTERNAL_ERROR", f"no worker for jobs of type {job.job_type}")


def item_starter(records: Records, *, ids: Ids, clock: Clock) -> Callable[[BatchItem], Job]:
    """Begin an item: the same use cases as of a single request, in the caller's transaction."""

    def begin(item: BatchItem) -> Job:
        asked = {name: value for name, value in item.payload.items() if name != "schema_version"}
        if "report_id" in asked:
            return request_export(RequestExport(**asked, lane=LANE), records=records, ids=ids, clock=clock).job
        if "supplier_id" in asked:
            command = StartEvaluation(**_with_pack(records, asked), lane=LANE)
            return start_evaluation(command, records=records, ids=ids, clock=clock).job
        return reparse_document(ReparseDocument(**asked, lane=LANE), records=records, ids=ids, clock=clock).job

    return begin


def _with_pack(records: Records, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without a rule pack the project's counts, as it is when the item begins."""
    if asked.get("rule_pack_id") is not None:
        return asked
    project = records.projects.get(asked["project_id"])
    if project.rule_pack_id is None or project.rule_pack_version is None:
        raise Refused("RULE_PACK_NOT_FOUND")
    return {**asked, "rule_pack_id": project.rule_pack_id, "rule_pack_version": project.rule_pack_version}


def cancel_item(records: Records, job_id: str) -> bool:
    """Cancel the job of an item; False when it ended first, and counts as it ended."""
    try:
        cancel_job(CancelJob(job_id=job_id, reason="the batch was canceled"), records=records)
    except Refused as refusal:
        if refusal.code != "JOB_CANCEL_CONFLICT":
            raise
        return False
    return True


def evaluate_again(records: Records, evaluation_id: str, *, ids: Ids, clock: Clock) -> str:
    """Start the evaluation of the same bid against the same rule pack version once more (replay of a release, W62)."""
    earlier = records.evaluations.get(evaluation_id)
    command = StartEvaluation(
        project_id=earlier.project_id,
        supplier_id=earlier.supplier_id,
        rule_pack_id=earlier.rule_pack_id,
        rule_pack_version=earlier.rule_pack_version,
        rerun_of=evaluation_id,
        lane="interactive",
    )
    return start_evaluation(command, records=records, ids=ids, clock=clock).evaluation.evaluation_id
