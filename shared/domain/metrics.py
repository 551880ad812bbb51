"""Every metric of the product: name, kind, unit and labels; nothing else is measured (spec O3, table of section 1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.domain.errors import Permanent, Refused, Retryable

Kind = Literal["counter", "gauge", "histogram"]
NAMESPACE = "Bidproof"
# Values of these are few and chosen by the product: never tenant text, file names, ids or queries (O3).
LABELS = frozenset({"method", "route", "status", "error_class", "code", "step", "outcome", "consumer", "schedule"})
LABELS |= {"sweep", "lane", "event"}
OUTCOMES = ("done", "retryable", "permanent", "refused", "canceled", "crashed")
BUCKETS: tuple[float, ...] = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds, O3
STAGE_BUCKETS: tuple[float, ...] = (*BUCKETS, 30.0, 60.0, 120.0, 300.0)  # seconds, O3


LONG_JOB_SECONDS = 3600  # O25
SMALLEST_SAMPLE = 20  # jobs, below which a share says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A gauge of the whole stage at one moment."""

    metric: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric. `unit` as CloudWatch spells it; `dimensions` are the labels that CloudWatch counts apart, because
    each of their values costs there; `buckets` are upper limits in seconds."""

    name: str
    kind: Kind
    unit: str
    about: str
    labels: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _count(name: str, about: str, *labels: str, dimensions: tuple[str, ...] | None = None) -> Metric:
    apart = labels if dimensions is None else dimensions
    return Metric(name=name, kind="counter", unit="Count", about=about, labels=labels, dimensions=apart)


def _seconds(name: str, about: str, *labels: str, buckets: tuple[float, ...] = STAGE_BUCKETS) -> Metric:
    return Metric(
        name=name,
        kind="histogram",
        unit="Seconds",
        about=about,
        labels=labels,
        dimensions=tuple(label for label in labels if label not in ("route", "method", "schedule")),
        buckets=buckets,
    )


def _level(name: str, about: str, *labels: str, unit: str = "Count") -> Metric:
    return Metric(name=name, kind="gauge", unit=unit, about=about, labels=labels, dimensions=labels)


METRICS = {
    metric.name: metric
    for metric in (
        # API
        _count("api_requests", "answered requests", "method", "route", "status", dimensions=("status",)),
        _count("api_errors", "answers with an error", "error_class", "code", dimensions=("error_class",)),
        _count("api_throttled", "answers 429"),
        _seconds("api_latency_seconds", "time to answer", "method", "route", buckets=BUCKETS),
        _count("cold_starts", "first calls of a process"),
        # jobs
        _count("step_runs", "steps by how they ended", "step", "outcome"),
        _seconds("step_duration_seconds", "time of a step", "step"),
        _count("step_retries", "steps that were tried again", "step"),
        _count("duplicate_executions", "steps of a run that does not hold its job any more", "step"),
        _count("messages", "messages by how they ended", "consumer", "outcome"),
        _seconds("message_duration_seconds", "time of a message", "consumer"),
        _seconds("message_wait_seconds", "from the event to its consumer", "consumer"),
        _count("schedule_runs", "scheduled calls by how they ended", "schedule", "outcome", dimensions=("outcome",)),
        _seconds("schedule_duration_seconds", "time of a scheduled call", "schedule"),
        _level("jobs_queued", "jobs that wait for a slot", "lane"),
        _level("jobs_running", "jobs at work"),
        _level("oldest_queued_seconds", "age of the oldest job that waits for a slot", unit="Seconds"),
        _level("overdue_running_jobs", "jobs at work for more than an hour, without those that wait for a person"),
        _level("tenant_share", "part of the running jobs that the largest tenant has, 0 to 1", unit="None"),
        _level("dead_letters_open", "dead letters nobody has decided on"),
        _level("dead_letter_share", "dead letters of the last hour per job that ended, 0 to 1", unit="None"),
        _level("run_failure_share", "failed jobs of the last 24 h per job that ended, 0 to 1", unit="None"),
        _level("outbox_oldest_seconds", "age of the oldest event that was not published", unit="Seconds"),
        _count("events_published", "events that the relay handed to the bus"),
        _count("dead_letters", "failed jobs and messages that became dead letters", "code", dimensions=()),
        _count("illegal_transitions", "moves that no state table allows"),
        _count("lost_races", "writes that met another version of their row"),
        # sweeps
        _count("sweep_found", "rows that looked wrong", "sweep"),
        _count("sweep_repaired", "rows that a sweep put right; of expired_leases these are the lost leases", "sweep"),
        _count("sweep_failures", "sweeps that ended with an error", "sweep"),
        # parse and index
        _count("pages_parsed", "pages read"),
        _count("documents_chunked", "documents cut into chunks"),
        _count("chunks_made", "chunks cut"),
        _count("chunks_indexed", "chunks that the search index acknowledged"),
        # evaluation
        _count("criteria_planned", "criteria of evaluations that began"),
        _count("evaluations_scored", "scored evaluations"),
        _count("reports_built", "reports filed"),
        _count("corrupted_data", "rows, objects or reports whose sum is not theirs"),
        # people
        _level("open_reviews", "reviews that wait for a person"),
        _level("oldest_review_seconds", "age of the oldest open review", unit="Seconds"),
        _level("overdue_reviews", "open reviews beyond their deadline"),
        _count("expired_reviews", "reviews whose wait ran out"),
        # model and other services
        _level("breakers_open", "services that are not called because they failed"),
        # governance
        _count("security_events", "refused attempts to cross a tenant"),
        _count("denied_accesses", "answers 401 and 403", "code", dimensions=()),
    )
}
# What the result of a step adds to a counter: its number, or 1 for a text or True.
STEP_FACTS: Mapping[str, Mapping[str, str]] = {
    "ParseRange": {"pages": "pages_parsed"},
    "ChunkDocument": {"chunks": "chunks_made"},
    "IndexChunks": {"acked": "chunks_indexed"},
    "PlanEvaluation": {"criteria": "criteria_planned"},
    "ScoreBid": {"status": "evaluations_scored"},
    "BuildReport": {"report_id": "reports_built"},
    "ExpireReview": {"review_id": "expired_reviews"},
    "RecordFailure": {"dlq_id": "dead_letters"},
}
# Codes whose every appearance is counted under a metric of their own (alarms O20, O26, severity P0 of section 3).
CODE_FACTS: Mapping[str, str] = {
    "WF_STATE_TRANSITION_INVALID": "illegal_transitions",
    "VERSION_CONFLICT": "lost_races",
    "DATA_CORRUPTED": "corrupted_data",
    "TENANT_SCOPE_VIOLATION": "security_events",
}


def labelled(name: str, labels: Mapping[str, str]) -> Metric:
    """The metric, when the labels are exactly its own; raises ValueError otherwise, KeyError for an unknown name."""
    metric = METRICS[name]
    if set(labels) != set(metric.labels):
        raise ValueError(f"{name} has the labels {metric.labels}, not {tuple(labels)}")
    return metric


def facts_of(step: str, result: Mapping[str, Any]) -> dict[str, int]:
    """What a step's result adds to which counter."""
    found = {}
    for name, metric in STEP_FACTS.get(step, {}).items():
        value = result.get(name)
        if value:
            found[metric] = value if isinstance(value, int) and not isinstance(value, bool) else 1
    return found


def outcome_of(error: BaseException | None) -> str:
    """How a call ended, one of OUTCOMES; a bug is `crashed`."""
    if error is None:
        return "done"
    if isinstance(error, Retryable):
        return "retryable"
    if isinstance(error, Permanent):
        return "permanent"
    if isinstance(error, Refused):
        return "canceled" if error.code == "JOB_CANCELED" else "refused"
    return "crashed"
