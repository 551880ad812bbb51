"""ParkCriteria: without a model the criteria that nobody else can decide go to people (spec W43, E2, E97)."""

from dataclasses import dataclass

from shared.domain.errors import Permanent
from shared.domain.plans import SETTLED_RUNS
from shared.ports.criterion_notes import note_thread
from shared.ports.reasoning import CriterionGraph
from shared.ports.records import Records

REASONS = {"ModelUnavailable": "MODEL_UNAVAILABLE", "BudgetStopped": "BUDGET_STOPPED"}  # names the machine catches


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkCriteria:
    """One group of an evaluation and the name of the error that stopped it."""

    evaluation_id: str
    group_no: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedCriteria:
    """How many criteria of the group were taken to their end here, and the review reason of those without a judge."""

    parked: int
    reason: str


def park_criteria(command: ParkCriteria, *, records: Records, criterion_graph: CriterionGraph) -> ParkedCriteria:
    """Take every unfinished thread of the group on without the judge; what is finished is skipped.

    Raises Permanent DATA_CORRUPTED for an error that is no outage and for a thread that neither ends nor waits."""
    if command.error not in REASONS:
        raise Permanent("DATA_CORRUPTED", f"{command.error} is no outage of a model")
    reason = REASONS[command.error]
    evaluation = records.evaluations.get(command.evaluation_id)
    runs = records.evaluations.criterion_runs(command.evaluation_id, group_no=command.group_no)
    unfinished = [run for run in runs if run.status not in SETTLED_RUNS]
    for run in unfinished:
        after = criterion_graph.park(evaluation.evaluation_id, run.criterion_id, reason=reason)
        note_thread(records, evaluation, run, after, step="ParkCriteria")
    return ParkedCriteria(parked=len(unfinished), reason=reason)
