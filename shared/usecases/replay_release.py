"""ReplayRelease: stored bids go through the restored version once more; the machine waits for the result (W62, O42)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.releases import RELEASE, WEIGHTS, Release, ReleaseStep, is_healthy, read_versions
from shared.domain.replays import REPLAY_SECONDS, Replay, ReplayCase
from shared.ports.deployments import Deployments
from shared.ports.platform import Vault
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRelease:
    """The release, the run that waits and the secret that wakes it."""

    release_id: str
    run_id: str
    task_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedReplay:
    """How many stored bids are evaluated again; the machine goes on by the token, not by this."""

    cases: int


def replay_release(
    command: ReplayRelease,
    *,
    records: Records,
    deployments: Deployments,
    vault: Vault,
    replay_evaluation: Callable[[str], str],
) -> StartedReplay:
    """End a split of traffic, so that one version answers, keep the token and start an evaluation per sample.

    A repeat replaces the token and starts nothing twice. Without samples nothing can be proven: that replay fails."""
    release = records.releases.get(command.release_id)
    healthy = is_healthy(deployments.alarms(release.alarms), release.alarms)
    _end_split(records, release, deployments)
    with records.transaction():
        release = records.releases.get(command.release_id, lock=True)
        if release.status == "rolling_back":
            release = _enter(records, release, healthy)
        context = {"release_id": release.release_id, "rollback_no": str(release.rollback_no)}
        replay = records.releases.replays.open(
            Replay(
                release_id=release.release_id,
                rollback_no=release.rollback_no,
                run_id=command.run_id,
                token_ciphertext=vault.encrypt(command.task_token, context=context),
                status="open",
            ),
            seconds=REPLAY_SECONDS,
        )
        cases = records.releases.replays.cases(replay)
        if not cases and replay.status == "open":
            _, samples = records.releases.dataset(release.dataset_version)
            for baseline_id in sorted(
                {str(sample["evaluation_id"]) for sample in samples if "evaluation_id" in sample}
            ):
                case = ReplayCase(baseline_id=baseline_id, evaluation_id=replay_evaluation(baseline_id))
                records.releases.replays.add_case(replay, case)
            cases = records.releases.replays.cases(replay)
    return StartedReplay(cases=len(cases))


def _end_split(records: Records, release: Release, deployments: Deployments) -> None:
    """A rollback that stopped early leaves the aliases split below 100 %: then all new work goes to the baseline."""
    steps = records.releases.steps(release.release_id)
    mine = [step for step in steps if step.rollback_no == release.rollback_no and step.kind == "roll_back"]
    if release.weight < WEIGHTS[-1] and not any(step.part == RELEASE for step in mine):
        deployments.shift(read_versions(release.baseline), read_versions(release.candidate), weight=0)


def _enter(records: Records, release: Release, healthy: bool) -> Release:
    steps = records.releases.steps(release.release_id)
    mine = [step for step in steps if step.rollback_no == release.rollback_no and step.kind == "roll_back"]
    if mine and mine[-1].healthy is None:
        records.releases.end_step(mine[-1], healthy=healthy)
    step = ReleaseStep(release_id=release.release_id, step_no=0, kind="replay", rollback_no=release.rollback_no)
    records.releases.begin_step(step)
    return records.moves.release(release, "replay_verifying")
