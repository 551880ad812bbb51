"""Start executions for queued jobs, fairly; the message is only a hint (spec W13-W15)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.domain.executions import LANES, execution_input
from shared.ports.dispatch import Dispatch
from shared.ports.platform import Workflows


@dataclass(frozen=True, slots=True, kw_only=True)
class StartWork:
    """The event that woke us; its job is not necessarily the one that starts."""

    event: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedWork:
    """How many executions were started."""

    started: int


def start_work(
    command: StartWork, *, dispatch: Dispatch, workflows: Workflows, max_running: int, time_left: Callable[[], float]
) -> StartedWork:
    """Start jobs while there are slots and time; a crash after marking a run is healed by its name (W15)."""
    started = 0
    for lane in LANES:
        while time_left() > 10 and (job := dispatch.next_job(lane=lane, max_running=max_running)):
            reference = workflows.start(job.machine, name=job.execution_name, input=execution_input(job))
            dispatch.note_execution(job, execution_ref=reference)
            started += 1
    return StartedWork(started=started)
