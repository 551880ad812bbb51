"""What a call leaves behind in logs, metrics and spans, however it ends (spec O1, O3, O4)."""

import logging
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from shared.adapters.json_logs import log_fields
from shared.domain.errors import CodedError
from shared.domain.metrics import CODE_FACTS, METRICS, facts_of, outcome_of
from shared.ports.telemetry import Telemetry

# kind of call: its counter, its histogram, the label that both have, and the level of a good end
KINDS = {
    "step": ("step_runs", "step_duration_seconds", "step", logging.INFO),
    "message": ("messages", "message_duration_seconds", "consumer", logging.INFO),
    "schedule": ("schedule_runs", "schedule_duration_seconds", "schedule", logging.DEBUG),
}
ENDED = {"done": "DONE", "retryable": "RETRYABLE", "refused": "REFUSED", "canceled": "CANCELED"}
LEVELS = {"retryable": logging.WARNING, "refused": logging.WARNING, "canceled": logging.INFO}
ANNOTATED = ("trace_id", "tenant_id", "job_id", "run_id", "evaluation_id", "document_id", "event_id", "request_id")


class Canceled(Exception):
    """The job ended or belongs to another run: this step must not write."""


class Measured:
    """One call of a step, consumer or schedule; `add` tells counters what it did.

    The line at its end is BP_STEP_DONE, BP_MESSAGE_RETRYABLE, BP_SCHEDULE_FAILED and so on: INFO life cycle, WARNING
    recoverable, ERROR final (O1)."""

    def __init__(self, telemetry: Telemetry, kind: str, name: str, **fields: Any) -> None:
        self._telemetry, self._kind, self._name = telemetry, kind, name
        self._counter, self._histogram, self._label, self._level = KINDS[kind]
        self._fields = {key: str(value) for key, value in fields.items() if value}
        self._stack, self._began = ExitStack(), 0.0

    def add(self, counter: str, value: float = 1, **labels: str) -> None:
        """Add to a counter; nothing is not told, because each series costs, also one of zeros."""
        if value:
            self._telemetry.count(counter, value, **labels)

    def waited(self, occurred_at: str, now: datetime) -> None:
        """How long the message was under way; `occurred_at` is what its envelope says."""
        try:
            began = datetime.fromisoformat(occurred_at)
        except ValueError:
            return  # whether the envelope is true is judged right after this
        if began.tzinfo is not None:
            seconds = max(0.0, (now - began).total_seconds())
            self._telemetry.observe("message_wait_seconds", seconds, **{self._label: self._name})

    def __enter__(self) -> Self:
        """Begin the span; every log line of the call has its ids."""
        ids = {key: value for key, value in self._fields.items() if key in ANNOTATED}
        self._stack.enter_context(self._telemetry.span(f"{self._kind} {self._name}", **ids))
        self._stack.enter_context(log_fields(**self._fields))
        self._began = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Count, log and end the span."""
        seconds = time.perf_counter() - self._began
        outcome = "canceled" if isinstance(error, Canceled) else outcome_of(error)
        if error is None or isinstance(error, Exception):  # not for an interpreter that ends
            self._count(outcome, seconds, error)
            self._log(outcome, seconds, error)
        self._stack.__exit__(kind, error, at)

    def _count(self, outcome: str, seconds: float, error: BaseException | None) -> None:
        label = {self._label: self._name}
        self._telemetry.count(self._counter, 1, **label, outcome=outcome)
        self._telemetry.observe(self._histogram, seconds, **label)
        if isinstance(error, Canceled) and self._kind == "step":
            self._telemetry.count("duplicate_executions", step=self._name)
        if isinstance(error, CodedError) and error.code in CODE_FACTS:
            self._telemetry.count(CODE_FACTS[error.code])

    def _log(self, outcome: str, seconds: float, error: BaseException | None) -> None:
        event = f"BP_{self._kind.upper()}_{ENDED.get(outcome, 'FAILED')}"
        level = self._level if error is None else LEVELS.get(outcome, logging.ERROR)
        extra: dict[str, Any] = {"outcome": outcome, "latency_ms": round(seconds * 1000, 1)}
        if isinstance(error, CodedError):
            extra |= {"error_code": error.code, "error_class": error.entry.kind}
        log = logging.getLogger(f"bidproof.{self._kind}")
        is_bug = error is not None and outcome == "crashed"
        log.log(level, event, extra=extra, exc_info=error if is_bug else None)


def measured_step(telemetry: Telemetry, event: Mapping[str, Any], context: Any) -> Measured:
    """The measuring of a state: its scope and the ids of its command are the fields."""
    scope, command = event["scope"], event["command"]
    ids = {name: command[name] for name in ("evaluation_id", "document_id") if name in command}
    attempt = int(scope.get("attempt") or 0)
    if attempt:
        telemetry.count("step_retries", step=scope["state"])
    return Measured(
        telemetry,
        "step",
        scope["state"],
        trace_id=scope["trace"],
        tenant_id=scope["tenant_id"],
        job_id=scope["job_id"],
        run_id=scope["run_id"],
        state=scope["state"],
        attempt=attempt,
        request_id=getattr(context, "aws_request_id", ""),
        **ids,
    )


def measured_message(telemetry: Telemetry, consumer: str, envelope: Mapping[str, Any], context: Any) -> Measured:
    """The measuring of a message: its envelope's ids are the fields."""
    return Measured(
        telemetry,
        "message",
        consumer,
        trace_id=envelope["trace_id"],
        tenant_id=envelope["tenant_id"],
        event_id=envelope["event_id"],
        event_type=envelope["event_type"],
        job_id=envelope.get("job_id"),
        run_id=envelope.get("run_id"),
        consumer=consumer,
        request_id=getattr(context, "aws_request_id", ""),
    )


def add_step_facts(measured: Measured, state: str, result: Mapping[str, Any]) -> None:
    """What a step's result says it did."""
    for metric, value in facts_of(state, result).items():
        labels = {"code": str(result["error_code"])} if "code" in METRICS[metric].labels else {}
        measured.add(metric, value, **labels)


def add_schedule_facts(measured: Measured, result: Mapping[str, Any]) -> None:
    """What the sweeps or the relay did."""
    for swept in result.get("sweeps", ()):
        measured.add("sweep_found", swept["found"], sweep=swept["sweep"])
        measured.add("sweep_repaired", swept["repaired"], sweep=swept["sweep"])
        if swept["error_code"] is not None:
            measured.add("sweep_failures", sweep=swept["sweep"])
    if result.get("published"):
        measured.add("events_published", result["published"])
