"""A seed with a planned evaluation, whose criteria a test runs one by one."""

from typing import Any

from infra.local.postgres import Databases
from shared.domain.criteria import Criterion
from shared.domain.evaluation_rows import Decision
from shared.domain.evidence import Verdict
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation
from tests.evaluation_seed import Seed, limit_and_judged
from tests.records import ids, make_records


def seed(databases: Databases, *criteria: Criterion, **more: Any) -> Seed:
    """A tender of a new tenant; T-1 and T-2 unless told otherwise."""
    return Seed(make_records(databases), list(criteria) or limit_and_judged(), url=databases.app_url, **more)


def planned(made: Seed, supplier_id: str) -> str:
    """Start the evaluation of this bid and plan it; its id."""
    started = made.start(supplier_id)
    plan_evaluation(PlanEvaluation(evaluation_id=started.evaluation.evaluation_id), records=made.records)
    return started.evaluation.evaluation_id


def only_verdict(made: Seed, evaluation_id: str, place: int = 0) -> Verdict:
    """The current verdict of a criterion."""
    return made.records.verdicts.revisions(evaluation_id, made.criteria[place].criterion_id)[-1]


def decided(made: Seed, evaluation_id: str, place: int, **more: Any) -> Decision:
    """A stored decision about a criterion, outside the review that would ask for it."""
    started = made.records.evaluations.get(evaluation_id)
    review = made.records.reviews.live(evaluation_id)
    assert review is not None, started.status
    values: dict[str, Any] = {"action": "accept", "score": None, "outcome": None, "comment": "Seen and accepted."}
    decision = Decision(
        decision_id=ids.new("dec"),
        review_id=review.review_id,
        item_id=None,
        criterion_id=made.criteria[place].criterion_id,
        reviewer_id=ids.new("usr"),
        **(values | more),
    )
    made.records.reviews.append_decisions([decision])
    return decision
