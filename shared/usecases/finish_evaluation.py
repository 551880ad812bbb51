"""FinishEvaluation: the last step of the flow; the job has succeeded (spec W52)."""

from dataclasses import dataclass

from shared.domain.errors import Permanent
from shared.ports.records import Records

ENDED = ("report_generated", "rejected")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishEvaluation:
    """Which evaluation."""

    evaluation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedEvaluation:
    """How the evaluation stands at the end of its job."""

    status: str


def finish_evaluation(command: FinishEvaluation, *, records: Records) -> FinishedEvaluation:
    """Close job and run once. Raises Permanent EVALUATION_INCOMPLETE when there is no report and no rejection (D6)."""
    with records.transaction():
        evaluation = records.evaluations.get(command.evaluation_id)
        if evaluation.status not in ENDED:
            raise Permanent("EVALUATION_INCOMPLETE", f"the evaluation is {evaluation.status}")
        job = records.jobs.get(evaluation.job_id or "", lock=True)
        if job.status != "succeeded":
            records.moves.job(job, "succeeded", step="FinishEvaluation")
            records.moves.close_run(records.jobs.newest_run(job.job_id).run_id, "succeeded")
    return FinishedEvaluation(status=evaluation.status)
