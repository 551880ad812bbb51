"""ShiftReleaseTraffic: new work moves to the candidate by the weight that the last verdict asked for (spec W59)."""

from dataclasses import dataclass

from shared.domain.releases import WEIGHTS, ReleaseStep, read_versions, sizes_at
from shared.ports.deployments import Deployments
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftReleaseTraffic:
    """Which release; the weight stands in its row."""

    release_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedReleaseTraffic:
    """Percent of new work on the candidate from now on."""

    weight: int


def shift_release_traffic(
    command: ShiftReleaseTraffic, *, records: Records, deployments: Deployments
) -> ShiftedReleaseTraffic:
    """Set the aliases first, then the row with its time; a repeat sets the same weight and writes nothing more."""
    release = records.releases.get(command.release_id)
    candidate, baseline = read_versions(release.candidate), read_versions(release.baseline)
    deployments.shift(baseline, candidate, weight=release.wanted)
    with records.transaction():
        release = records.releases.get(command.release_id, lock=True)
        if release.weight == release.wanted:
            return ShiftedReleaseTraffic(weight=release.weight)
        step = records.releases.begin_step(
            ReleaseStep(release_id=release.release_id, step_no=0, kind="shift", weight=release.wanted)
        )
        weights = deployments.weights(candidate)
        details = {"weights": weights, "sizes": sizes_at(release.wanted)}
        records.releases.end_step(
            step, verified=all(each == release.wanted for each in weights.values()), details=details
        )
        now = records.releases.now()
        changes = {"weight": release.wanted, "weight_since": now, "clean_since": None, "breaches": 0, "verdict": "wait"}
        to = "canary" if release.status == "release_ready" else "baking" if release.wanted == WEIGHTS[-1] else None
        if to is None:
            records.releases.change(release, **changes)
        else:
            records.moves.release(release, to, **changes)
        records.trail.audit("release.shifted", "release", release.release_id, changes={"weight": release.wanted})
    return ShiftedReleaseTraffic(weight=release.wanted)
