"""The criterion graph on real PostgreSQL: from evidence to a suggestion, through a person, across processes."""

from typing import Any

from infra.local.postgres import Databases
from tests.evaluation_seed import Seed, criterion
from tests.records import make_records

DELIVERY = {"fact": "delivery_period", "op": "le", "value": {"amount": "60", "unit": "calendar_day"}}
BID = (
    "Form of tender\nBid price: EUR 120,000.00\nDelivery period: 45 calendar days",
    "Approach\nOur method is described phase by phase with a named person.",
    "Schedule\nThe delivery period is 45 calendar days after signature.",
)


def seed(databases: Databases, **more: Any) -> Seed:
    criteria = [
        criterion(
            "T-1",
            "numeric_limit",
            points="40",
            test=DELIVERY,
            requirement="Delivery within 60 calendar days",
            queries=["delivery period in calendar days", "time of delivery"],
        ),
        criterion("T-2", "judged", points="60", requirement="Method of work", queries=["approach and method"]),
    ]
    return Seed(make_records(databases), criteria, url=databases.app_url, **more)


def test_a_rule_decides_and_cites_and_a_judged_criterion_waits(databases: Databases) -> None:
    made = seed(databases)
    started, scored = made.suggest(made.bid("S-1", *BID))
    verdicts = {v.criterion_id: v for v in made.records.verdicts.current(started.evaluation.evaluation_id)}
    limit, judged = (verdicts[c.criterion_id] for c in made.criteria)
    assert (limit.outcome, str(limit.score), limit.review_reasons) == ("pass", "40.000", ())
    assert "45 calendar days" in limit.claims[0].citations[0].quote
    assert (judged.outcome, judged.score) == ("needs_human", None)
    assert scored.needs_human_review
