"""PlanEvaluation: what was frozen still holds, and the criteria are dealt into groups (spec W41)."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.errors import Permanent
from shared.domain.plans import PinnedDocument, check_snapshot, group_criteria
from shared.ports.records import Records

PLANNED = 5  # points of progress, W128


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEvaluation:
    """Which evaluation."""

    evaluation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEvaluation:
    """The group numbers to work through and how many criteria they hold."""

    groups: list[int]
    criteria: int


def plan_evaluation(command: PlanEvaluation, *, records: Records) -> PlannedEvaluation:
    """Insert the criterion runs and move the evaluation to evaluating; a repeat returns the same groups.

    Raises Permanent DATA_CORRUPTED for an altered snapshot and DOC_NOT_INDEXED when a pinned document changed."""
    with records.transaction():
        evaluation = records.evaluations.get(command.evaluation_id, lock=True)
        check_snapshot(*records.evaluations.snapshot(evaluation.evaluation_id))
        _check_documents(records.evaluations.documents(evaluation.evaluation_id))
        runs = group_criteria(
            evaluation.evaluation_id,
            records.rule_packs.criteria(evaluation.rule_pack_id, evaluation.rule_pack_version),
        )
        records.evaluations.plan_criteria(runs)
        if evaluation.status == "queued":
            records.moves.evaluation(evaluation, "evaluating", stage="retrieve")
            records.jobs.progress(evaluation.job_id or "", done=PLANNED, step="PlanEvaluation")
    return PlannedEvaluation(groups=sorted({run.group_no for run in runs}), criteria=len(runs))


def _check_documents(documents: Sequence[PinnedDocument]) -> None:
    changed = [d.document_id for d in documents if d.status != "indexed" or d.current_run != d.parse_run_id]
    if changed:
        raise Permanent("DOC_NOT_INDEXED", "pinned documents changed", details={"documents": changed})
