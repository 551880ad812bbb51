"""ReplayRelease: one evaluation per stored bid, through one version, and a sealed token."""

from shared.domain.releases import read_versions
from shared.usecases.replay_release import ReplayRelease, replay_release
from tests.evaluation_seed import vault
from tests.releases import Platform


def test_each_sample_is_evaluated_once_and_a_repeat_only_replaces_the_token(platform: Platform) -> None:
    release = platform.draft("evl_a", "evl_b", status="rolling_back", rollback_no=1, weight=10, wanted=10)
    baseline, candidate = read_versions(release.baseline), read_versions(release.candidate)
    platform.deployments.shift(baseline, candidate, weight=10)
    started: list[str] = []

    def again(baseline_id: str) -> str:
        started.append(baseline_id)
        return f"{baseline_id}_again"

    for token in ("first", "second"):
        command = ReplayRelease(release_id=release.release_id, run_id="run_1", task_token=token)
        done = replay_release(
            command,
            records=platform.records,
            deployments=platform.deployments,
            vault=vault,
            replay_evaluation=again,
        )
        assert done.cases == 2
    assert started == ["evl_a", "evl_b"]
    replay = platform.records.releases.replays.get(release.release_id, 1)
    assert replay is not None
    context = {"release_id": release.release_id, "rollback_no": "1"}
    assert vault.decrypt(replay.token_ciphertext, context=context) == "second"
    assert set(platform.deployments.weights(candidate).values()) == {0}, "one version answers the replay"
    assert platform.records.releases.get(release.release_id).status == "replay_verifying"
