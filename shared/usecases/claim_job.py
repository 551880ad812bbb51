"""ClaimJob: the first state; one run owns the job from here on (spec W16)."""

from dataclasses import dataclass

from shared.domain.jobs import Job
from shared.domain.transitions import JOB, is_terminal
from shared.ports.records import Records

FIRST_STAGE = {"ingest_document": "ingest", "evaluate_bid": "retrieve"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimJob:
    """Which run asks for which job."""

    job_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """False: another run owns the job, or it ended."""

    claimed: bool


def claim_job(command: ClaimJob, *, records: Records) -> ClaimedJob:
    """Move the job to running under this run; a repeat of the same run is claimed again without effect."""
    with records.transaction():
        job = records.jobs.get(command.job_id, lock=True)
        if job.claim_token == command.run_id and not is_terminal(JOB, job.status):
            return ClaimedJob(claimed=True)
        if job.status != "queued" or records.jobs.newest_run(job.job_id).run_id != command.run_id:
            return ClaimedJob(claimed=False)
        _start(records, job, command.run_id)
    return ClaimedJob(claimed=True)


def _start(records: Records, job: Job, run_id: str) -> None:
    stage = FIRST_STAGE[job.job_type]
    records.moves.job(job, "running", claim_token=run_id, stage=stage, step="ClaimJob")
    if job.job_type == "ingest_document":
        document = records.documents.get(job.resource_id)
        if document.status == "parse_queued":
            records.moves.document(document, "parsing")
