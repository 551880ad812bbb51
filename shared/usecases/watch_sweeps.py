"""Raise an alarm for every sweep that is silent or failed, since nobody would miss it otherwise (spec O21), and tell
the figures that alarms look at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.sweeps import SWEEPS, Candidate, Reconciled, failed_sweeps, silent_sweeps
from shared.ports.sweeps import Sweeps
from shared.ports.telemetry import Figures, Telemetry

WATCH = "sweep_alarms"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSweeps:
    """Nothing to say: the heartbeats tell."""


def watch_sweeps(
    command: WatchSweeps,
    *,
    sweeps: Sweeps,
    raise_alarm: Callable[[str, Mapping[str, Any]], None],
    figures: Figures,
    telemetry: Telemetry,
    time_left: Callable[[], float],
) -> Reconciled:
    """One alarm per sweep and minute, as long as it lasts; its own heartbeat counts them in `found`.

    Sweeps belong to no tenant, so there is neither a finding nor an event of one."""
    sweeps.watch(list(SWEEPS))

    def find() -> list[Candidate]:
        beats = list(sweeps.heartbeats())
        silent = [_about(sweep, {"problem": "sweep silent"}) for sweep in silent_sweeps(beats)]
        failed = failed_sweeps(beats)
        return silent + [_about(sweep, {"problem": "sweep failed", "code": failed[sweep]}) for sweep in sorted(failed)]

    def alarm(found: Candidate) -> bool:
        about = {"sweep": found.subject_id, "requirement": SWEEPS.get(found.subject_id, ""), **found.observed}
        raise_alarm(found.observed["problem"], about)
        return False

    swept = sweeps.each(WATCH, find, alarm, time_left=time_left)
    for figure in figures.read():
        telemetry.level(figure.metric, figure.value, **figure.labels)
    return Reconciled(sweeps=(swept,))


def _about(sweep: str, observed: dict[str, Any]) -> Candidate:
    return Candidate(tenant_id="", subject_type="sweep", subject_id=sweep, observed=observed)
