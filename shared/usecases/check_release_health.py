"""CheckReleaseHealth: one look at the alarms of a release, and what follows from it (spec W60, O41)."""

from dataclasses import dataclass

from shared.domain.releases import SHIFT, next_weight, observe
from shared.ports.deployments import Deployments
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReleaseHealth:
    """Which release, and which look: the time at which the machine entered the state, the same for its retries."""

    release_id: str
    entered: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedReleaseHealth:
    """`wait`, `shift`, `close` or `roll_back`, and how many looks in a row found a breach."""

    verdict: str
    breaches: int


def check_release_health(
    command: CheckReleaseHealth, *, records: Records, deployments: Deployments
) -> CheckedReleaseHealth:
    """Judge by the row and the alarms; the same look again is answered from the row, so no breach counts twice."""
    alarms = deployments.alarms(records.releases.get(command.release_id).alarms)
    with records.transaction():
        release = records.releases.get(command.release_id, lock=True)
        if release.observed == command.entered:
            return CheckedReleaseHealth(verdict=release.verdict, breaches=release.breaches)
        seen = observe(release, alarms, now=records.releases.now())
        records.releases.change(
            release,
            observed=command.entered,
            verdict=seen.verdict,
            breaches=seen.breaches,
            clean_since=seen.clean_since,
            alarm_at=seen.alarm_at,
            wanted=next_weight(release.weight) if seen.verdict == SHIFT else release.wanted,
        )
        shifts = [step for step in records.releases.steps(release.release_id) if step.kind == "shift"]
        if seen.breaches and shifts:
            records.releases.end_step(shifts[-1], breaches=seen.breaches)
    return CheckedReleaseHealth(verdict=seen.verdict, breaches=seen.breaches)
