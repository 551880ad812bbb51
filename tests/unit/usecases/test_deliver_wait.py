"""DeliverWait answers the stored callback once, and its ledger says what became of it (W90, W94)."""

from collections.abc import Mapping
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.adapters.local_workflows import LocalWorkflows
from shared.domain.errors import Retryable
from shared.usecases.deliver_wait import DeliverWait, deliver_wait
from tests.evaluation_seed import BID, Seed, limit_and_judged, vault
from tests.records import clock, ids, make_records, pool
from tests.rows import last_frame


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
    asked = {"records": made.records, "vault": vault, "workflows": workflows, "ids": ids, "clock": clock}
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
    asked = {"records": made.records, "vault": vault, "workflows": workflows, "ids": ids, "clock": clock}
    assert deliver_wait(DeliverWait(event={**event, "event_type": kind}), **asked).status == status
    wait = made.records.reviews.wait_of(review_id)
    assert wait is not None and wait.status == status
    assert deliver_wait(DeliverWait(event=event), **asked).status == "none"
    assert workflows.answers == []


def note_execution(databases: Databases, made: Seed, run_id: str, reference: str) -> None:
    """What start_work does after StartExecution."""
    with pool(databases.dispatch_url).connection() as connection:
        scope = (reference, made.records.actor.tenant_id, run_id)
        connection.execute("update runs set execution_ref = %s where tenant_id = %s and run_id = %s", scope)


def asked_of(databases: Databases) -> dict[str, Any]:
    workflows = LocalWorkflows(pool(databases.platform_url))
    return {"vault": vault, "workflows": workflows, "ids": ids, "clock": clock}


def test_f20_a_decision_whose_execution_is_gone_goes_on_in_a_new_job_once(databases: Databases) -> None:
    made, review_id, event = submitted(databases)
    old = made.records.jobs.get(event["job_id"])
    note_execution(databases, made, old.claim_token or "", "evaluate_bid:gone")
    asked = {"records": made.records, **asked_of(databases)}
    assert deliver_wait(DeliverWait(event=event), **asked).status == "orphaned"
    assert deliver_wait(DeliverWait(event=event), **asked).status == "none"
    wait = made.records.reviews.wait_of(review_id)
    assert wait is not None and wait.status == "orphaned"
    resumed = made.records.jobs.list(filters={"type": "resume_evaluation"}, before=None, limit=5)
    assert [job.payload["review_id"] for job in resumed] == [review_id]
    assert made.records.evaluations.get(old.resource_id).job_id == resumed[0].job_id
    ended = made.records.jobs.get(old.job_id)
    assert (ended.status, ended.error_code) == ("canceled", "WF_EXECUTION_LOST")
    assert made.records.jobs.newest_run(old.job_id).status == "lost"
    goes_on = made.records.jobs.newest_run(resumed[0].job_id).run_id
    assert last_frame(made.records, old.claim_token or "") == (
        "run.closed",
        {"status": "lost", "next_run_id": goes_on},
    )


def test_f19_an_execution_that_goes_on_has_the_answer_it_refuses_to_take_again(databases: Databases) -> None:
    made, _, event = submitted(databases)
    run_id = made.records.jobs.get(event["job_id"]).claim_token or ""
    reference = LocalWorkflows(pool(databases.platform_url)).start("evaluate_bid", name=run_id, input={})
    note_execution(databases, made, run_id, reference)
    asked = {"records": made.records, **asked_of(databases)}
    assert deliver_wait(DeliverWait(event=event), **asked).status == "delivered"
    assert made.records.jobs.list(filters={"type": "resume_evaluation"}, before=None, limit=5) == []


def test_an_answer_waits_while_nobody_knows_the_execution(databases: Databases) -> None:
    made, review_id, event = submitted(databases)
    with pytest.raises(Retryable, match="reference"):
        deliver_wait(DeliverWait(event=event), records=made.records, **asked_of(databases))
    wait = made.records.reviews.wait_of(review_id)
    assert wait is not None and wait.status == "open"
