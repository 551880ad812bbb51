"""Start again what a crash left half started, and whatever is queued and due (spec W15, W111, W112)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.executions import LANES, execution_input
from shared.ports.dispatch import Dispatch
from shared.ports.platform import Workflows

GRACE_SECONDS = 60
SWEEP_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartRuns:
    """Nothing to say: the rows tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartedRuns:
    """How many executions were started under their stored name, and how many queued jobs."""

    restarted: int
    started: int


def restart_runs(
    command: RestartRuns, *, dispatch: Dispatch, workflows: Workflows, max_running: int, time_left: Callable[[], float]
) -> RestartedRuns:
    """Runs marked started for 60 s without an execution get it under the same name; a second sweep finds nothing."""
    restarted = started = 0
    for job in dispatch.unstarted(grace_seconds=GRACE_SECONDS, limit=SWEEP_ROWS):
        reference = workflows.start(job.machine, name=job.execution_name, input=execution_input(job))
        dispatch.note_execution(job, execution_ref=reference)
        restarted += 1
    for lane in LANES:
        while time_left() > 10 and (job_or_none := dispatch.next_job(lane=lane, max_running=max_running)):
            job = job_or_none
            reference = workflows.start(job.machine, name=job.execution_name, input=execution_input(job))
            dispatch.note_execution(job, execution_ref=reference)
            started += 1
    return RestartedRuns(restarted=restarted, started=started)
