"""Give up a parked evaluation: it ends as canceled, nothing was decided (spec A96, D104)."""

from dataclasses import dataclass

from shared.domain.errors import Refused
from shared.domain.evaluation_rows import Evaluation
from shared.domain.transitions import JOB, is_terminal
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonEvaluation:
    """Which parked evaluation, and why."""

    evaluation_id: str
    reason: str


def abandon_evaluation(command: AbandonEvaluation, *, records: Records) -> Evaluation:
    """Move parked to canceled. Raises Refused EVALUATION_NOT_FOUND or WF_STATE_TRANSITION_INVALID, also while a
    reissue is on its way: that job is canceled instead."""
    with records.transaction():
        evaluation = records.evaluations.get(command.evaluation_id, lock=True)
        job = records.jobs.get(evaluation.job_id or "")
        if evaluation.status != "parked" or not is_terminal(JOB, job.status):
            raise Refused("WF_STATE_TRANSITION_INVALID", details={"from": evaluation.status, "job": job.status})
        records.trail.audit(
            "evaluation.abandoned", "evaluation", evaluation.evaluation_id, changes={"reason": command.reason}
        )
        return records.moves.evaluation(evaluation, "canceled", error_code="JOB_CANCELED")
