"""Cancel a job in one transaction; the execution is stopped afterwards (spec W108, W109)."""

from dataclasses import dataclass

from shared.domain.errors import Refused
from shared.domain.jobs import Job
from shared.domain.transitions import DOCUMENT, EVALUATION, JOB
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelJob:
    """Which job, and why."""

    job_id: str
    reason: str


def cancel_job(command: CancelJob, *, records: Records) -> Job:
    """Move job, resource and live review to their canceled states.

    Raises Refused JOB_NOT_FOUND, JOB_CANCEL_CONFLICT for a terminal or dead-lettering job."""
    with records.transaction():
        job = records.jobs.get(command.job_id, lock=True, alone=True)
        if "canceled" not in JOB[job.status]:
            raise Refused("JOB_CANCEL_CONFLICT", details={"status": job.status})
        run = records.jobs.newest_run(job.job_id)
        canceled = records.moves.job(job, "canceled", error_code="JOB_CANCELED", cancel_reason=command.reason)
        if job.resource_type == "document":
            _cancel_document(records, job.resource_id)
        elif job.resource_type == "evaluation":
            _cancel_evaluation(records, job.resource_id)
        elif job.resource_type == "export":
            records.exports.fail(job.resource_id, code="JOB_CANCELED")
        records.moves.close_run(run.run_id, "stopped")
    return canceled


def _cancel_document(records: Records, document_id: str) -> None:
    document = records.documents.get(document_id)
    for to in ("parse_failed", "index_failed"):
        if to in DOCUMENT[document.status]:
            records.moves.document(document, to, error_code="JOB_CANCELED")
            return


def _cancel_evaluation(records: Records, evaluation_id: str) -> None:
    evaluation = records.evaluations.get(evaluation_id)
    review = records.reviews.live(evaluation_id)
    if review is not None and review.status in ("open", "claimed"):
        records.moves.review(review, "canceled")
    if evaluation.status in ("parked", "report_generated"):  # a resume job: what stood before it stands again
        return
    for to in ("canceled", "failed"):  # an approved one has no way to canceled (D104): it fails with the same code
        if to in EVALUATION[evaluation.status]:
            records.moves.evaluation(evaluation, to, error_code="JOB_CANCELED")
            return
