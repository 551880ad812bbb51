"""FinishRollback believes stored rows: the replay and the verified steps."""

import pytest

from shared.domain.releases import ReleaseStep
from shared.domain.replays import Replay
from shared.usecases.finish_rollback import FinishRollback, finish_rollback
from tests.releases import Platform


@pytest.mark.parametrize(
    ("replay", "verified", "passed"),
    [("passed", True, True), ("failed", True, False), ("open", True, False), ("passed", False, False)],
)
def test_only_a_passed_replay_after_verified_steps_opens_work_again(
    platform: Platform, replay: str, verified: bool, passed: bool
) -> None:
    release = platform.started(status="replay_verifying", rollback_no=1)
    platform.records.releases.switch.close("rollback")
    step = ReleaseStep(
        release_id=release.release_id, step_no=0, kind="roll_back", part="release_version", rollback_no=1
    )
    platform.records.releases.end_step(platform.records.releases.begin_step(step), verified=verified)
    made = Replay(
        release_id=release.release_id, rollback_no=1, run_id="run_1", token_ciphertext=b"sealed", status="open"
    )
    platform.records.releases.replays.open(made, seconds=60)
    if replay != "open":
        platform.records.releases.replays.close(made, replay, [])
    for _ in range(2):
        done = finish_rollback(FinishRollback(release_id=release.release_id), records=platform.records)
        assert done.passed == passed
    stands = platform.records.releases.get(release.release_id)
    assert stands.status == ("rolled_back" if passed else "rollback_failed")
    assert (platform.records.releases.switch.reason() is None) == passed
    assert platform.job_status(release) == ("succeeded" if passed else "running")
    assert (stands.verified_at is not None) == passed
    alerts = platform.records.session.rows(
        "select payload from outbox_events where event_type = 'alert.raised' and aggregate_id = %(id)s",
        id=release.release_id,
    )
    assert [each["payload"]["level"] for each in alerts] == ([] if passed else ["P0"])
