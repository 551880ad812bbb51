"""What happened in one run or under one trace id, from the rows that every change leaves behind (spec A112)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEvent:
    """One line of a trace. `source` is step, run, event or audit; `name` the state, event type or action; `item` the
    Map item of a step; `duration_ms` and `attempt` (from 0) belong to steps, `code` to failures."""

    occurred_at: datetime
    source: str
    name: str
    producer: str
    trace_id: str
    run_id: str | None = None
    job_id: str | None = None
    stage: str | None = None
    item: str | None = None
    attempt: int | None = None
    code: str | None = None
    duration_ms: float | None = None


class Traces(Protocol):
    """Read-only; rows of the tenant alone."""

    def of_run(self, run_id: str, *, limit: int) -> Sequence[TraceEvent]:
        """Steps, run events and domain events of the run, by time."""
        ...

    def of_trace(self, trace_id: str, *, limit: int) -> Sequence[TraceEvent]:
        """The same, and audit entries, of everything that carries the trace id (32 hex characters), by time."""
        ...

    def jobs_of(self, trace_id: str) -> Sequence[str]:
        """Ids of the jobs that were accepted under the trace id; their projects decide who may see the trace."""
        ...

    def tries_with(self, run_id: str, step: str, item: str, *, code: str, before: int) -> int:
        """How many tries of the step below number `before` (from 0) ended with the code (W23)."""
        ...
