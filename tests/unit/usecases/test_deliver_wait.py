"""DeliverWait answers the stored callback once, and its ledger says what became of it (W90, W94)."""

from collections.abc import Mapping
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.adapters.local_workflows import LocalWorkflows
from shared.usecases.deliver_wait import DeliverWait, deliver_wait
from tests.evaluation_seed import BID, Seed, limit_and_judged, vault
from tests.records import make_records, pool


class Answered(LocalWorkflows):
    """The real executions, noting which tokens were answered and pretending that they wait."""

    def __init__(self, databases: Databases, *, waits: bool = True) -> None:
        super().__init__(pool(databases.platform_url))
        self.answers: list[tuple[str, dict[str, Any]]] = []
        self.waits = waits

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        self.answers.append((token, dict(output)))
        return self.waits


def submitted(databases: Databases) -> tuple[Seed, str, dict[str, Any]]:
    """A review that was answered: the seed, its id and the event."""
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    review_id = made.ask(started, token="the-token-of-the-execution")
    made.answer(made.person(databases), review_id, "reject")
    payload = {"review_id": review_id, "decision": "reject"}
    event = {"event_id": f"evt_{review_id}", "event_type": "review.submitted", "payload": payload}
    return made, review_id, {**event, "job_id": started.job.job_id}


def test_a_decision_is_delivered_once_with_the_token_that_was_stored(databases: Databases) -> None:
    made, review_id, event = submitted(databases)
    workflows = Answered(databases)
    asked = {"records": made.records, "vault": vault, "workflows": workflows}
    assert deliver_wait(DeliverWait(event=event), **asked).status == "delivered"
    assert deliver_wait(DeliverWait(event=event), **asked).status == "none"
    expected = {"review_id": review_id, "decision": "reject"}
    assert workflows.answers == [("the-token-of-the-execution", expected)]


@pytest.mark.parametrize(("kind", "status"), [("job.canceled", "canceled"), ("review.expired", "expired")])
def test_a_canceled_job_and_an_expired_review_close_the_wait_without_an_answer(
    databases: Databases, kind: str, status: str
) -> None:
    made, review_id, event = submitted(databases)
    workflows = Answered(databases)
    asked = {"records": made.records, "vault": vault, "workflows": workflows}
    assert deliver_wait(DeliverWait(event={**event, "event_type": kind}), **asked).status == status
    wait = made.records.reviews.wait_of(review_id)
    assert wait is not None and wait.status == status
    assert deliver_wait(DeliverWait(event=event), **asked).status == "none"
    assert workflows.answers == []


def test_an_execution_that_is_gone_leaves_an_orphaned_wait(databases: Databases) -> None:
    made, review_id, event = submitted(databases)
    asked = {"records": made.records, "vault": vault, "workflows": LocalWorkflows(pool(databases.platform_url))}
    assert deliver_wait(DeliverWait(event=event), **asked).status == "orphaned"
    wait = made.records.reviews.wait_of(review_id)
    assert wait is not None and wait.status == "orphaned"
