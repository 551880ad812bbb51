"""ClaimJob: the first state; one run owns the job from here on (spec W16)."""

from dataclasses import dataclass
from typing import Any

from shared.domain.errors import Permanent
from shared.domain.jobs import FIRST_STAGE, Job
from shared.domain.releases import ROLL_BACK
from shared.domain.transitions import JOB, is_terminal
from shared.ports.records import Records

BEGUN = ("gating", "release_ready")  # an earlier job of the release ended there, D108 knows no way back
MARGIN = 60  # seconds that the machine waits beyond the review's own deadline, W88


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimJob:
    """Which run asks for which job."""

    job_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """False: another run owns the job, or it ended. `entry` is what a resumed evaluation starts with: the states that
    it skips would have put plan, score and review there (W40)."""

    claimed: bool
    entry: dict[str, Any] | None = None


def claim_job(command: ClaimJob, *, records: Records) -> ClaimedJob:
    """Move the job to running under this run; a repeat of the same run is claimed again without effect.

    A job whose earlier run was lost has no claim and is taken over by its newest run (W113)."""
    with records.transaction():
        job = records.jobs.get(command.job_id, lock=True)
        if job.claim_token == command.run_id and not is_terminal(JOB, job.status):
            return ClaimedJob(claimed=True, entry=_entry(records, job))
        free = job.status == "queued" or (job.status == "retrying" and job.claim_token is None)
        if not free or records.jobs.newest_run(job.job_id).run_id != command.run_id:
            return ClaimedJob(claimed=False)
        _start(records, job, command.run_id)
    return ClaimedJob(claimed=True, entry=_entry(records, job))


def _start(records: Records, job: Job, run_id: str) -> None:
    stage = job.stage or FIRST_STAGE.get(job.job_type)
    records.moves.job(job, "running", claim_token=run_id, stage=stage, step="ClaimJob")
    if job.job_type == "ingest_document":
        document = records.documents.get(job.resource_id)
        if document.status == "parse_queued":
            records.moves.document(document, "parsing")
    elif job.job_type == "roll_out_release" and job.payload.get("start_at") != ROLL_BACK:
        release = records.releases.get(job.resource_id, lock=True)
        if release.status not in BEGUN:
            records.moves.release(release, "gating")


def _entry(records: Records, job: Job) -> dict[str, Any] | None:
    """Plan, score and review of a resumed evaluation; raises Permanent DATA_CORRUPTED for one without a decision."""
    if job.job_type != "resume_evaluation":
        return None
    runs = records.evaluations.criterion_runs(job.resource_id)
    settings = records.users.tenant_settings()
    wait = int(job.payload.get("wait_seconds") or settings["review_wait_seconds"])
    entry: dict[str, Any] = {
        "plan": {"groups": sorted({run.group_no for run in runs}), "criteria": len(runs)},
        "score": {"needs_human_review": True, "wait_seconds": wait + MARGIN},
    }
    if job.payload.get("start_at") == "apply":
        review = records.reviews.get(str(job.payload["review_id"]))
        if review.decision is None:
            raise Permanent("DATA_CORRUPTED", f"review {review.review_id} has no decision to apply")
        entry["review"] = {"review_id": review.review_id, "decision": review.decision}
    return entry
