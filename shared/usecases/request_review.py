"""A person asks for a review of a finished suggestion (spec A95, D104)."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.errors import Permanent, Refused
from shared.domain.evaluation_rows import CriterionRun
from shared.domain.jobs import Job, new_job
from shared.domain.transitions import JOB, is_terminal
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReview:
    """Which evaluation, why, and about which criteria (ids; none: the evaluation as a whole)."""

    evaluation_id: str
    reason: str
    criteria: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedReview:
    """The accepted job; the review opens when it runs."""

    job: Job
    run_id: str


def request_review(command: RequestReview, *, records: Records, ids: Ids, clock: Clock) -> RequestedReview:
    """Queue a resume_evaluation job that opens a review; the report so far stays and the next one supersedes it.

    Raises Refused EVALUATION_NOT_FOUND, CRITERION_NOT_FOUND, WF_STATE_TRANSITION_INVALID unless the report is there
    and no other request is on its way, and Permanent WF_CHECKPOINT_NOT_FOUND when its threads were deleted (W84): no
    person shall decide what cannot be applied."""
    with records.transaction():
        evaluation = records.evaluations.get(command.evaluation_id, lock=True)
        before = records.jobs.get(evaluation.job_id or "")
        if evaluation.status != "report_generated" or not is_terminal(JOB, before.status):
            details = {"from": evaluation.status, "job": before.status}
            raise Refused(
                "WF_STATE_TRANSITION_INVALID", "only a finished suggestion is reviewed again", details=details
            )
        runs = records.evaluations.criterion_runs(evaluation.evaluation_id)
        known = {run.criterion_id for run in runs}
        if unknown := sorted(set(command.criteria) - known):
            raise Refused("CRITERION_NOT_FOUND", details={"criterion_ids": unknown})
        _check_threads(records, runs)
        run_id = ids.new("run")
        job = records.jobs.accept(
            new_job(
                "resume_evaluation",
                evaluation.evaluation_id,
                job_id=ids.new("job"),
                tenant_id=records.actor.tenant_id,
                now=clock.now(),
                project_id=evaluation.project_id,
                lane="interactive",
                payload={"start_at": "review", "requested": command.reason, "criteria": list(command.criteria)},
            ),
            run_id=run_id,
        )
        records.evaluations.change(evaluation, job_id=job.job_id)
        changes = {"reason": command.reason, "job_id": job.job_id}
        records.trail.audit("review.requested", "evaluation", evaluation.evaluation_id, changes=changes)
    return RequestedReview(job=job, run_id=run_id)


def _check_threads(records: Records, runs: Sequence[CriterionRun]) -> None:
    kept = {thread.criterion_id for run in runs[:1] for thread in records.threads.kept(run.evaluation_id)}
    for run in runs:
        if run.criterion_id not in kept:
            raise Permanent("WF_CHECKPOINT_NOT_FOUND", f"thread {run.thread_id}")
