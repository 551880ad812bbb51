"""A person asks for the rollback: of a release under way, or of one whose rollout is over."""

import pytest

from shared.domain.errors import Refused
from shared.usecases.check_release_health import CheckReleaseHealth, check_release_health
from shared.usecases.request_rollback import RequestedRollback, RequestRollback, request_rollback
from tests.records import clock, ids
from tests.releases import Platform


def ask(platform: Platform, release_id: str) -> RequestedRollback:
    command = RequestRollback(release_id=release_id, reason="wrong totals")
    return request_rollback(command, records=platform.records, ids=ids, clock=clock)


def test_the_job_that_rolls_out_is_told_and_obeys_at_its_next_look(platform: Platform) -> None:
    release = platform.started(status="canary", weight=10, wanted=10)
    asked = ask(platform, release.release_id)
    assert (asked.run_id, asked.job.job_id) == (None, release.job_id)
    command = CheckReleaseHealth(release_id=release.release_id, entered="1")
    seen = check_release_health(command, records=platform.records, deployments=platform.deployments)
    assert seen.verdict == "roll_back"


@pytest.mark.parametrize("status", ["closed", "rollback_failed"])
def test_without_a_living_job_one_begins_with_the_rollback(platform: Platform, status: str) -> None:
    asked = ask(platform, platform.draft(status=status, weight=100, wanted=100).release_id)
    assert asked.run_id is not None and asked.job.payload["start_at"] == "roll_back"
    assert (asked.release.job_id, asked.release.rollback_reason) == (asked.job.job_id, "wrong totals")


@pytest.mark.parametrize("status", ["draft", "gating", "release_blocked", "rolled_back", "superseded"])
def test_where_no_traffic_moved_there_is_nothing_to_roll_back(platform: Platform, status: str) -> None:
    with pytest.raises(Refused) as refusal:
        ask(platform, platform.draft(status=status).release_id)
    assert refusal.value.code == "RELEASE_STATE_CONFLICT"
