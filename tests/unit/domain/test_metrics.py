"""The registry of metrics: names, units, labels, buckets (spec O3)."""

import importlib
import re
from dataclasses import fields

import pytest

from shared.domain.errors import Permanent, Refused, Retryable
from shared.domain.metrics import (
    BUCKETS,
    CODE_FACTS,
    LABELS,
    METRICS,
    OUTCOMES,
    STAGE_BUCKETS,
    STEP_FACTS,
    facts_of,
    labelled,
    outcome_of,
)


def snake(state: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", state).lower()


def test_names_units_and_labels_are_of_the_allow_list() -> None:
    for name, metric in METRICS.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name) and metric.about
        assert metric.unit in ("Count", "Seconds", "None")
        assert (metric.unit == "Seconds") == name.endswith("_seconds"), name
        assert set(metric.dimensions) <= set(metric.labels) <= LABELS, name
        assert bool(metric.buckets) == (metric.kind == "histogram"), name


def test_no_label_could_hold_what_a_tenant_wrote_or_an_id() -> None:
    assert not [label for label in LABELS if label.endswith(("_id", "name", "text", "query", "path"))]


def test_buckets_are_those_of_the_specification() -> None:
    assert list(BUCKETS) == [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    assert list(STAGE_BUCKETS) == [*BUCKETS, 30, 60, 120, 300]


def test_every_group_of_the_table_has_metrics() -> None:
    minimum = {
        "API": "api_requests api_errors api_latency_seconds api_throttled cold_starts",
        "jobs": "jobs_queued oldest_queued_seconds message_wait_seconds jobs_running step_retries dead_letters"
        " duplicate_executions tenant_share sweep_repaired",
        "parse": "pages_parsed",
        "retrieval": "chunks_indexed",
        "evaluation": "step_duration_seconds criteria_planned evaluations_scored",
        "people": "open_reviews oldest_review_seconds overdue_reviews expired_reviews",
        "model": "breakers_open",
        "governance": "denied_accesses security_events",
    }
    assert [(group, name) for group, names in minimum.items() for name in names.split() if name not in METRICS] == []


@pytest.mark.parametrize("step", STEP_FACTS)
def test_a_fact_of_a_step_is_a_field_of_its_result_and_a_plain_counter(step: str) -> None:
    module = importlib.import_module(f"shared.usecases.{snake(step)}")
    known = {
        f.name
        for made in vars(module).values()
        if isinstance(made, type) and hasattr(made, "__dataclass_fields__")
        for f in fields(made)
    }
    for name, metric in STEP_FACTS[step].items():
        assert name in known, f"{step} has no {name}"
        assert METRICS[metric].kind == "counter"
        assert facts_of(step, {name: 3}) == {metric: 3}


def test_a_text_counts_once_and_nothing_counts_not() -> None:
    assert facts_of("BuildReport", {"report_id": "rpt_1"}) == {"reports_built": 1}
    assert facts_of("RecordFailure", {"dlq_id": None}) == {} == facts_of("Unknown", {"pages": 3})


def test_codes_with_a_counter_of_their_own_have_one_without_labels() -> None:
    assert [METRICS[name].labels for name in CODE_FACTS.values()] == [()] * len(CODE_FACTS)


def test_a_name_or_label_outside_the_registry_is_refused() -> None:
    with pytest.raises(KeyError):
        labelled("secrets", {})
    with pytest.raises(ValueError, match="step_runs"):
        labelled("step_runs", {"step": "ClaimJob", "outcome": "done", "file": "offer.pdf"})
    assert labelled("jobs_queued", {"lane": "bulk"}).unit == "Count"


def test_how_a_call_ended_is_told_by_the_class_of_its_error() -> None:
    errors = [None, Retryable("CIRCUIT_OPEN"), Permanent("DATA_CORRUPTED"), Refused("VERSION_CONFLICT"), KeyError("x")]
    assert [outcome_of(error) for error in errors] == ["done", "retryable", "permanent", "refused", "crashed"]
    assert outcome_of(Refused("JOB_CANCELED")) == "canceled"
    assert set(OUTCOMES) == {"done", "retryable", "permanent", "refused", "canceled", "crashed"}
