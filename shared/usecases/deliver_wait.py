"""Answer the waiting execution after a review was submitted, or cancel the wait (spec W90)."""

from dataclasses import dataclass
from typing import Any

from shared.ports.platform import Vault, Workflows
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverWait:
    """A review.submitted, review.expired or job.canceled envelope."""

    event: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredWait:
    """What became of the wait: delivered, canceled, orphaned, or none when there is nothing to do."""

    status: str


def deliver_wait(command: DeliverWait, *, records: Records, vault: Vault, workflows: Workflows) -> DeliveredWait:
    """Send the decision to the execution once; the ledger of waits decides what a lost answer means."""
    event = command.event
    if event["event_type"] != "review.submitted":
        return _close(records, event, "canceled" if event["event_type"] == "job.canceled" else "expired")
    with records.transaction():
        wait = records.reviews.wait_of(event["payload"]["review_id"])
        if wait is None or wait.status != "open":
            return DeliveredWait(status="none")
        token = vault.decrypt(
            wait.token_ciphertext, context={"tenant_id": records.actor.tenant_id, "wait_id": wait.wait_id}
        )
        payload = event["payload"]
        answered = workflows.succeed(token, {"review_id": payload["review_id"], "decision": payload["decision"]})
        status = "delivered" if answered else "orphaned"
        records.reviews.close_wait(wait.wait_id, status)
        records.trail.consume(event["event_id"], "deliver_wait")
    return DeliveredWait(status=status)


def _close(records: Records, event: dict[str, Any], status: str) -> DeliveredWait:
    with records.transaction():
        if status == "canceled":
            wait = records.reviews.open_wait_of_job(event["job_id"])
        else:
            wait = records.reviews.wait_of(event["payload"]["review_id"])
        if wait is None or wait.status != "open":
            return DeliveredWait(status="none")
        records.reviews.close_wait(wait.wait_id, status)
        records.trail.consume(event["event_id"], "deliver_wait")
    return DeliveredWait(status=status)
