"""Answer the waiting execution after a review was submitted, or cancel the wait (spec W90, W91)."""

from dataclasses import dataclass
from typing import Any

from shared.domain.errors import Retryable
from shared.domain.evaluation_rows import Wait
from shared.domain.jobs import new_job
from shared.domain.transitions import JOB, is_terminal
from shared.ports.platform import Clock, Ids, Vault, Workflows
from shared.ports.records import Records

CONSUMER = "deliver_wait"
HAS_ANSWER = ("running", "succeeded")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverWait:
    """A review.submitted, review.expired or job.canceled envelope."""

    event: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredWait:
    """What became of the wait: delivered, canceled, expired, orphaned, or none when there is nothing to do."""

    status: str


def deliver_wait(
    command: DeliverWait, *, records: Records, vault: Vault, workflows: Workflows, ids: Ids, clock: Clock
) -> DeliveredWait:
    """Send the decision to the execution; the ledger decides what a refused answer means (W90).

    No transaction is open during the call: a crash after it finds the wait open, and the repeat is refused by the
    platform and settled here. Raises Retryable DEPENDENCY_UNAVAILABLE while the execution's reference is unknown."""
    event = command.event
    if event["event_type"] != "review.submitted":
        return _close(records, event, "canceled" if event["event_type"] == "job.canceled" else "expired")
    review_id = event["payload"]["review_id"]
    wait = records.reviews.wait_of(review_id)
    if wait is None or wait.status != "open":
        return DeliveredWait(status="none")
    context = {"tenant_id": records.actor.tenant_id, "wait_id": wait.wait_id}
    token = vault.decrypt(wait.token_ciphertext, context=context)
    answer = {"review_id": review_id, "decision": event["payload"]["decision"]}
    has_answer = workflows.succeed(token, answer) or _goes_on(records, workflows, wait)
    with records.transaction():
        records.trail.consume(event["event_id"], CONSUMER)
        closed = records.reviews.close_wait(wait.wait_id, "delivered" if has_answer else "orphaned")
        if closed and not has_answer:
            _resume(records, wait, ids, clock)
    return DeliveredWait(status="none" if not closed else "delivered" if has_answer else "orphaned")


def _goes_on(records: Records, workflows: Workflows, wait: Wait) -> bool:
    """Whether an execution that refused the answer has it all the same: it was told before a crash, or its timeout
    sends it to ExpireReview, which reads the stored decision (W47)."""
    reference = records.jobs.run(wait.run_id).execution_ref
    if reference is None:
        raise Retryable("DEPENDENCY_UNAVAILABLE", "the execution's reference is not stored yet")
    execution = workflows.describe(reference)
    return execution is not None and execution.status in HAS_ANSWER


def _resume(records: Records, wait: Wait, ids: Ids, clock: Clock) -> None:
    """The execution is gone, the decision is not: a new job applies it (W91)."""
    review = records.reviews.get(wait.subject_id)
    evaluation = records.evaluations.get(review.evaluation_id, lock=True)
    old = records.jobs.get(evaluation.job_id or "", lock=True)
    if review.status != "submitted" or old.job_id != records.jobs.run(wait.run_id).job_id:
        return
    next_run_id = ids.new("run")
    job = records.jobs.accept(
        new_job(
            "resume_evaluation",
            evaluation.evaluation_id,
            job_id=ids.new("job"),
            tenant_id=records.actor.tenant_id,
            now=clock.now(),
            project_id=evaluation.project_id,
            lane="interactive",
            payload={"start_at": "apply", "review_id": review.review_id},
        ),
        run_id=next_run_id,
    )
    records.evaluations.change(evaluation, job_id=job.job_id)
    records.moves.close_run(wait.run_id, "lost", next_run_id=next_run_id)
    if not is_terminal(JOB, old.status) and "canceled" in JOB[old.status]:
        reason = f"the execution is gone; {job.job_id} applies the decision"
        records.moves.job(old, "canceled", error_code="WF_EXECUTION_LOST", cancel_reason=reason)


def _close(records: Records, event: dict[str, Any], status: str) -> DeliveredWait:
    with records.transaction():
        if status == "canceled":
            wait = records.reviews.open_wait_of_job(event["job_id"])
        else:
            wait = records.reviews.wait_of(event["payload"]["review_id"])
        if wait is None or wait.status != "open":
            return DeliveredWait(status="none")
        records.reviews.close_wait(wait.wait_id, status)
        records.trail.consume(event["event_id"], CONSUMER)
    return DeliveredWait(status=status)
