"""Cancel a job in one transaction; the execution is stopped afterwards (spec W108, W109)."""

from dataclasses import dataclass

from shared.domain.errors import Refused
from shared.domain.jobs import Job
from shared.domain.transitions import DOCUMENT, EVALUATION, JOB
from shared.ports.records import Records

CANCELED = "JOB_CANCELED"
AT_REST = ("draft", "release_blocked", "closed")  # releases of which no traffic is on its way


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
        return _cancel(records, job, command.reason)


def _cancel(records: Records, job: Job, reason: str) -> Job:
    run = records.jobs.newest_run(job.job_id)
    canceled = records.moves.job(job, "canceled", error_code=CANCELED, cancel_reason=reason)
    if job.resource_type == "document":
        _cancel_document(records, job.resource_id)
    elif job.resource_type == "evaluation":
        _cancel_evaluation(records, job.resource_id)
    elif job.resource_type == "export":
        records.exports.fail(job.resource_id, code=CANCELED)
    elif job.resource_type == "release":
        _cancel_release(records, job.resource_id, reason)
    records.moves.close_run(run.run_id, "stopped")
    return canceled


def _cancel_document(records: Records, document_id: str) -> None:
    document = records.documents.get(document_id)
    for to in ("parse_failed", "index_failed"):
        if to in DOCUMENT[document.status]:
            records.moves.document(document, to, error_code=CANCELED)
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
            records.moves.evaluation(evaluation, to, error_code=CANCELED)
            return


def _cancel_release(records: Records, release_id: str, reason: str) -> None:
    """Its replay ends with it; traffic stays where it is, and people are told of a release that was on its way."""
    release = records.releases.get(release_id, lock=True)
    replay = records.releases.replays.get(release_id, release.rollback_no)
    if replay is not None and records.releases.replays.close(replay, "failed", []):
        for case in records.releases.replays.cases(replay):
            job_id = records.evaluations.get(case.evaluation_id).job_id or ""
            job = records.jobs.get(job_id, lock=True, alone=True)
            if "canceled" in JOB[job.status]:
                _cancel(records, job, reason)
    if release.status not in AT_REST:
        records.repairs.fail_release(release_id, CANCELED)
