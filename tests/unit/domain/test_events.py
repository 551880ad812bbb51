"""The registry of events and how a consumer judges an envelope (A133-A135, W100, W101)."""

from typing import Any

import pytest

from shared.domain.events import (
    PRODUCERS,
    RUN_EVENT_TYPES,
    check_run_event,
    consumer_of,
    is_envelope,
    is_older_fact,
    is_told_by,
    producer_of,
)

DOMAIN_EVENTS = """document.uploaded document.indexed document.failed document.deleted job.queued job.started
job.retry.scheduled job.succeeded job.failed job.canceled evaluation.started evaluation.needs_manual_decision
evaluation.parked evaluation.approved evaluation.rejected report.generated report.published review.opened
review.due_soon review.submitted review.expired dlq.recorded dlq.requeued dlq.discarded approval.requested
approval.decided approval.executed hold.imposed hold.released budget.threshold quota.threshold cost.updated
release.changed alert.raised tenant.changed""".split()


def envelope(**changes: Any) -> dict[str, Any]:
    made = {
        "event_id": "evt_1",
        "event_type": "job.queued",
        "contract_version": "1.0",
        "occurred_at": "2026-01-01T00:00:00+00:00",
        "producer": "jobs",
        "tenant_id": "ten_1",
        "job_id": "job_1",
        "aggregate": {"type": "job", "id": "job_1", "version": 3},
        "trace_id": "0" * 32,
        "correlation_id": "job_1",
        "idempotency_key": "evt_1",
        "payload": {"job_id": "job_1"},
    }
    return {**made, **changes}


ROW = {
    "event_type": "job.queued",
    "aggregate_type": "job",
    "aggregate_id": "job_1",
    "job_id": "job_1",
    "payload": {"job_id": "job_1"},
}


def test_every_event_of_the_contract_is_registered() -> None:
    assert set(DOMAIN_EVENTS) <= PRODUCERS.keys()
    assert len(RUN_EVENT_TYPES) == 20


def test_an_unregistered_type_is_refused() -> None:
    assert producer_of("job.queued") == "jobs"
    with pytest.raises(ValueError, match=r"job\.exploded"):
        producer_of("job.exploded")
    with pytest.raises(ValueError, match=r"job\.queued"):
        check_run_event("job.queued")


@pytest.mark.parametrize(
    "message",
    [
        None,
        "text",
        [],
        {},
        envelope(tenant_id=""),
        envelope(tenant_id=None),
        envelope(aggregate="job_1"),
        envelope(payload=None),
        {name: value for name, value in envelope().items() if name != "tenant_id"},
    ],
)
def test_what_lacks_a_tenant_or_a_part_is_no_envelope(message: Any) -> None:
    assert not is_envelope(message)
    assert is_envelope(envelope())


@pytest.mark.parametrize(
    "forged",
    [
        envelope(event_type="job.canceled"),
        envelope(job_id="job_2"),
        envelope(payload={"job_id": "job_2"}),
        envelope(aggregate={"type": "job", "id": "job_2", "version": 3}),
    ],
)
def test_an_envelope_must_say_what_the_row_says(forged: dict[str, Any]) -> None:
    assert is_told_by(envelope(), ROW)
    assert not is_told_by(envelope(), None)
    assert not is_told_by(forged, ROW)


def test_an_older_version_is_an_older_fact() -> None:
    assert [is_older_fact(envelope(), seen) for seen in (2, 3, 4)] == [False, False, True]


def test_a_queue_and_its_dead_letter_queue_have_one_consumer() -> None:
    assert consumer_of("work-bulk") == consumer_of("work-interactive-dead") == "start_work"
    assert consumer_of("tasks-bulk-dead") == "work_tasks"
    assert consumer_of("deliver-wait-dead") == "deliver_wait"
