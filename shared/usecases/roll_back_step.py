"""RollBackStep: one part of a release goes back, in a fixed order, until the release is healthy (spec W61, O41)."""

from dataclasses import dataclass

from shared.domain.releases import Release, ReleaseStep, is_healthy, read_versions
from shared.ports.deployments import Deployments
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackStep:
    """Which part of ROLLBACK_ORDER."""

    release_id: str
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBackStep:
    """`executed` is False when an earlier step had made the release healthy."""

    executed: bool
    verified: bool


def roll_back_step(command: RollBackStep, *, records: Records, deployments: Deployments) -> RolledBackStep:
    """Restore the part, ask the platform whether it is, and keep both times.

    The first step of a rollback closes new work. Before each further step the alarms are looked at: the machine has
    waited since the last one. A part that the platform does not show as restored is kept as unverified: the next,
    larger step comes, and FinishRollback fails."""
    release = records.releases.get(command.release_id)
    alarms = deployments.alarms(release.alarms)
    with records.transaction():
        release = _begin(records, command.release_id)
        done = steps_of(records, release)
        if done and done[-1].part != command.part:
            healthy = is_healthy(alarms, release.alarms)
            records.releases.end_step(done[-1], healthy=healthy)
            if healthy:
                return RolledBackStep(executed=False, verified=True)
        step = records.releases.begin_step(
            ReleaseStep(
                release_id=release.release_id,
                step_no=0,
                kind="roll_back",
                part=command.part,
                rollback_no=release.rollback_no,
            )
        )
    if step.ended_at is not None:
        return RolledBackStep(executed=True, verified=bool(step.verified))
    baseline = read_versions(release.baseline)
    deployments.restore(command.part, baseline)
    verified = deployments.is_restored(command.part, baseline)
    with records.transaction():
        records.releases.end_step(step, verified=verified)
        changes = {"part": command.part, "verified": verified}
        records.trail.audit("release.rolled_back_step", "release", release.release_id, changes=changes)
    return RolledBackStep(executed=True, verified=verified)


def steps_of(records: Records, release: Release) -> list[ReleaseStep]:
    """The steps of the rollback that is under way, in their order."""
    steps = records.releases.steps(release.release_id)
    return [step for step in steps if step.kind == "roll_back" and step.rollback_no == release.rollback_no]


def _begin(records: Records, release_id: str) -> Release:
    release = records.releases.get(release_id, lock=True)
    if release.status == "rolling_back":
        return release
    now = records.releases.now()
    records.releases.switch.close(f"rollback of {release_id}")
    return records.moves.release(
        release,
        "rolling_back",
        rollback_no=release.rollback_no + 1,
        alarm_at=release.alarm_at or now,
        first_action_at=now,
        verified_at=None,
    )
