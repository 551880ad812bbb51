"""EvaluateCriteria: run, continue or resume the threads of one group of criteria (spec W42, W49, W77, W78)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.errors import Retryable
from shared.domain.evaluation_rows import CriterionRun, Evaluation
from shared.domain.plans import SETTLED_RUNS, rules_first
from shared.ports.criterion_notes import note_thread
from shared.ports.reasoning import CriterionGraph
from shared.ports.records import Records

NEEDED = 90.0  # seconds that must remain before the next criterion, W126
ROUNDS = 20  # W42


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateCriteria:
    """One group of an evaluation; with `review_id` the decisions of that review are applied instead."""

    evaluation_id: str
    group_no: int
    round: int
    review_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedCriteria:
    """`more`: out of time, call again with this round."""

    more: bool
    round: int


def evaluate_criteria(
    command: EvaluateCriteria, *, records: Records, criterion_graph: CriterionGraph, time_left: Callable[[], float]
) -> EvaluatedCriteria:
    """Work through the group until it is done or time runs out; what is finished is skipped, judged criteria are last.

    Raises ModelUnavailable and BudgetStopped at the first criterion that misses its judge, Retryable WF_STEP_TIMEOUT
    after 20 rounds and Permanent WF_CHECKPOINT_NOT_FOUND for a decision about a
    thread that left no checkpoint."""
    if command.round >= ROUNDS:
        raise Retryable("WF_STEP_TIMEOUT", f"the group is not done after {ROUNDS} rounds")
    evaluation = _enter(records, command.evaluation_id)
    runs = records.evaluations.criterion_runs(command.evaluation_id, group_no=command.group_no)
    todo: list[tuple[CriterionRun, str | None]]
    if command.review_id is None:
        criteria = records.rule_packs.criteria(evaluation.rule_pack_id, evaluation.rule_pack_version)
        todo = [(run, None) for run in rules_first(runs, criteria) if run.status not in SETTLED_RUNS]
    else:
        todo = _decided(records, command.review_id, runs)
    for run, decision_id in todo:
        if time_left() < NEEDED:
            return EvaluatedCriteria(more=True, round=command.round + 1)
        _work(records, criterion_graph, evaluation, run, decision_id, command.review_id)
    return EvaluatedCriteria(more=False, round=command.round)


def _enter(records: Records, evaluation_id: str) -> Evaluation:
    """Note stage `evaluate` once; groups run side by side, so the row is locked for it."""
    with records.transaction():
        evaluation = records.evaluations.get(evaluation_id, lock=True)
        if evaluation.stage == "retrieve":
            evaluation = records.evaluations.change(evaluation, stage="evaluate")
    return evaluation


def _decided(records: Records, review_id: str, runs: list[CriterionRun]) -> list[tuple[CriterionRun, str | None]]:
    by_criterion = {decision.criterion_id: decision.decision_id for decision in records.reviews.decisions(review_id)}
    return [(run, by_criterion[run.criterion_id]) for run in runs if run.criterion_id in by_criterion]


def _work(
    records: Records,
    graph: CriterionGraph,
    evaluation: Evaluation,
    run: CriterionRun,
    decision_id: str | None,
    review_id: str | None,
) -> None:
    """Take one thread to its end or its interrupt, then note in the criterion run where it stands."""
    if decision_id is None:
        after = graph.run(evaluation.evaluation_id, run.criterion_id)
    else:
        asked = {item.criterion_id: item.interrupt_id for item in records.reviews.items(review_id or "")}
        after = graph.decide(
            evaluation.evaluation_id,
            run.criterion_id,
            decision_id=decision_id,
            interrupt_id=asked.get(run.criterion_id),
        )
    note_thread(records, evaluation, run, after, step="EvaluateCriteria")
