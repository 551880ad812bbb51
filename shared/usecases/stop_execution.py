"""Stop the execution of a canceled job; its steps meet the fence anyway (spec W109)."""

from dataclasses import dataclass
from typing import Any

from shared.ports.dispatch import Dispatch
from shared.ports.platform import Workflows


@dataclass(frozen=True, slots=True, kw_only=True)
class StopExecution:
    """A job.canceled envelope."""

    event: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedExecution:
    """Whether there was an execution to stop."""

    stopped: bool


def stop_execution(command: StopExecution, *, dispatch: Dispatch, workflows: Workflows) -> StoppedExecution:
    """Stop the newest execution of the job; stopping a closed one does nothing."""
    reference = dispatch.execution_of(command.event["tenant_id"], command.event["job_id"])
    if reference is not None:
        workflows.stop(reference, cause="JOB_CANCELED")
    return StoppedExecution(stopped=reference is not None)
