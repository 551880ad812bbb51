"""A rollout starts once, and never beside another one."""

import pytest

from shared.domain.errors import Refused
from shared.usecases.start_release import StartRelease, start_release
from tests.records import clock, ids
from tests.releases import Platform


def start(platform: Platform, release_id: str) -> str:
    made = start_release(StartRelease(release_id=release_id), records=platform.records, ids=ids, clock=clock)
    return made.job.job_type


def test_one_job_is_accepted_and_a_second_start_is_refused(platform: Platform) -> None:
    release = platform.draft()
    assert start(platform, release.release_id) == "roll_out_release"
    with pytest.raises(Refused) as refusal:
        start(platform, release.release_id)
    assert refusal.value.code == "RELEASE_STATE_CONFLICT"


@pytest.mark.parametrize("status", ["gating", "canary", "rolling_back", "replay_verifying"])
def test_no_release_starts_beside_one_that_moves(platform: Platform, status: str) -> None:
    platform.draft(status=status)
    with pytest.raises(Refused) as refusal:
        start(platform, platform.draft().release_id)
    assert refusal.value.details["status"] == status


def test_a_rollout_starts_while_new_work_is_closed(platform: Platform) -> None:
    platform.records.releases.switch.close("a rollback failed")
    assert start(platform, platform.draft().release_id)
