"""The registry of domain events and run events, each with one producer, and how a consumer judges one (A133-A135)."""

from collections.abc import Mapping
from typing import Any

# The part of the product that may publish the types behind it (A134); nobody else does.
_OF_PRODUCER = {
    "documents": "document.uploaded document.indexed document.failed document.deleted",
    "jobs": "job.queued job.started job.retry.scheduled job.succeeded job.failed job.canceled",
    "evaluations": """evaluation.started evaluation.needs_manual_decision evaluation.parked evaluation.approved
        evaluation.rejected""",
    "reports": "report.generated report.published",
    "reviews": "review.opened review.due_soon review.submitted review.expired",
    "dead_letters": "dlq.recorded dlq.requeued dlq.discarded",
    "approvals": "approval.requested approval.decided approval.executed",
    "holds": "hold.imposed hold.released",
    "money": "budget.threshold quota.threshold cost.updated",
    "releases": "release.changed",
    "alerts": "alert.raised",
    "tenants": "tenant.changed",
    "webhooks": "webhook.tested",
    "knowledge": """kb.item.created kb.item.updated kb.version.release.requested kb.version.released
        kb.version.rolled_back""",
    "retrieval": "rag.eval.completed rag.index.ready",
    "proposals": "proposal.created proposal.reviewed",
    "feedback": "feedback.event.created",
}
PRODUCERS: Mapping[str, str] = {kind: producer for producer, kinds in _OF_PRODUCER.items() for kind in kinds.split()}

RUN_EVENT_TYPES = frozenset(
    """run.stage.changed run.progress.updated run.step.started run.step.retrying run.step.finished run.warning
    run.degraded criterion.finished criterion.needs_human review.opened review.claimed review.submitted review.expired
    message.delta message.stop run.succeeded run.failed run.canceled run.parked run.closed""".split()
)

ENVELOPE = frozenset(
    """event_id event_type contract_version occurred_at producer tenant_id project_id run_id job_id aggregate trace_id
    correlation_id causation_id idempotency_key payload""".split()
)
OPTIONAL = frozenset({"project_id", "run_id", "job_id", "causation_id"})


def producer_of(event_type: str) -> str:
    """The one producer of a domain event; raises ValueError for a type that is not registered (A134)."""
    if event_type not in PRODUCERS:
        raise ValueError(f"{event_type} is not a registered domain event")
    return PRODUCERS[event_type]


def check_run_event(event_type: str) -> None:
    """Raise ValueError for a type that no run may show (A133)."""
    if event_type not in RUN_EVENT_TYPES:
        raise ValueError(f"{event_type} is not a registered run event")


def is_envelope(message: Any) -> bool:
    """Whether a message has what every consumer reads: ids as text, an aggregate with a version, a payload (A135)."""
    if not isinstance(message, dict) or not message.keys() >= ENVELOPE - OPTIONAL:
        return False
    aggregate = message["aggregate"]
    texts = ("event_id", "event_type", "tenant_id", "trace_id")
    return (
        all(isinstance(message[name], str) and message[name] for name in texts)
        and isinstance(aggregate, dict)
        and {"type", "id", "version"} <= aggregate.keys()
        and isinstance(message["payload"], dict)
    )


def is_told_by(envelope: Mapping[str, Any], row: Mapping[str, Any] | None) -> bool:
    """Whether the tenant's own outbox row says what the envelope says; no row means another tenant's (W101).

    Compared are the ids and the type, on which all else depends: rows cannot be changed by the application (S84)."""
    if row is None:
        return False
    about = envelope["aggregate"]
    said = (envelope["event_type"], about["type"], about["id"], envelope.get("job_id"), envelope["payload"])
    return said == (row["event_type"], row["aggregate_type"], row["aggregate_id"], row["job_id"], row["payload"])


def is_older_fact(envelope: Mapping[str, Any], seen_version: int) -> bool:
    """Whether the event tells of an earlier state than the version that is known: to be ignored (W100)."""
    return bool(envelope["aggregate"]["version"] < seen_version)


def consumer_of(queue: str) -> str:
    """The consumer behind a queue or its dead-letter queue: lanes share one, others are named after it (W98)."""
    name = queue.removesuffix("-dead")
    family = name.partition("-")[0]
    return {"work": "start_work", "tasks": "work_tasks"}.get(family, name.replace("-", "_"))
