"""Ask again after a review expired: a new job opens the next round from the checkpoints (spec W92, A96)."""

from dataclasses import dataclass

from shared.domain.errors import Permanent, Refused
from shared.domain.evaluation_rows import Evaluation
from shared.domain.jobs import Job, new_job
from shared.domain.plans import is_continued
from shared.domain.transitions import JOB, is_terminal
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class ReissueReview:
    """Which parked evaluation, how long people get this time (seconds, None: the tenant's setting), and why."""

    evaluation_id: str
    wait_seconds: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReissuedReview:
    """The accepted job; the review opens when it runs."""

    job: Job
    run_id: str


def reissue_review(command: ReissueReview, *, records: Records, ids: Ids, clock: Clock) -> ReissuedReview:
    """Queue a resume_evaluation job; nothing is decided, and only criteria of a graph too old to go on run again (W84).

    Raises Refused EVALUATION_NOT_FOUND, WF_STATE_TRANSITION_INVALID unless the evaluation is parked, a second reissue
    while the first one is on its way included, and Permanent WF_CHECKPOINT_NOT_FOUND when a thread is gone (W77)."""
    with records.transaction():
        evaluation = records.evaluations.get(command.evaluation_id, lock=True)
        before = records.jobs.get(evaluation.job_id or "")
        if evaluation.status != "parked" or not is_terminal(JOB, before.status):
            details = {"from": evaluation.status, "job": before.status}
            raise Refused(
                "WF_STATE_TRANSITION_INVALID", "only a parked evaluation is asked about again", details=details
            )
        old = _outdated(records, evaluation)
        if old:
            records.threads.forget(evaluation.evaluation_id, old, again=True)
        start_at = "plan" if old else "review"
        job, run_id = _job(records, evaluation, command, start_at, ids, clock), ids.new("run")
        job = records.jobs.accept(job, run_id=run_id)
        records.evaluations.change(evaluation, job_id=job.job_id)
        changes = {"reason": command.reason, "job_id": job.job_id}
        records.trail.audit("review.reissued", "evaluation", evaluation.evaluation_id, changes=changes)
    return ReissuedReview(job=job, run_id=run_id)


def _outdated(records: Records, evaluation: Evaluation) -> list[str]:
    """The waiting criteria that are to be planned again; raises unless every waiting thread is there."""
    old, threads = [], {one.criterion_id: one for one in records.threads.kept(evaluation.evaluation_id)}
    for run in records.evaluations.criterion_runs(evaluation.evaluation_id):
        if run.status != "interrupted":
            continue
        thread = threads.get(run.criterion_id)
        if thread is None or thread.interrupt_id is None or thread.interrupt_id != run.interrupt_id:
            details = {"thread": "absent" if thread is None else "waits for something else"}
            raise Permanent("WF_CHECKPOINT_NOT_FOUND", f"thread {run.thread_id}", details=details)
        if not is_continued(thread.graph_version):
            old.append(run.criterion_id)
    return old


def _job(
    records: Records, evaluation: Evaluation, command: ReissueReview, start_at: str, ids: Ids, clock: Clock
) -> Job:
    return new_job(
        "resume_evaluation",
        evaluation.evaluation_id,
        job_id=ids.new("job"),
        tenant_id=records.actor.tenant_id,
        now=clock.now(),
        project_id=evaluation.project_id,
        lane="interactive",
        payload={"start_at": start_at, "wait_seconds": command.wait_seconds},
    )
