"""RollBackStep: one part at a time, executed, verified and timed, and no further than needed."""

from collections.abc import Sequence

from shared.domain.releases import ROLLBACK_ORDER, Alarm, Versions, read_versions
from shared.usecases.roll_back_step import RollBackStep, RolledBackStep, roll_back_step
from tests.releases import Platform


def step(platform: Platform, release_id: str, part: str) -> RolledBackStep:
    command = RollBackStep(release_id=release_id, part=part)
    return roll_back_step(command, records=platform.records, deployments=platform.deployments)


def test_each_part_goes_back_alone_and_new_work_is_closed_from_the_first_on(platform: Platform) -> None:
    release = platform.draft(status="canary", weight=10, wanted=10)
    baseline, candidate = read_versions(release.baseline), read_versions(release.candidate)
    platform.deployments.shift(baseline, candidate, weight=10)
    platform.hands.alarm("alarm")
    for number, part in enumerate(ROLLBACK_ORDER):
        assert step(platform, release.release_id, part) == RolledBackStep(executed=True, verified=True)
        weights = platform.deployments.weights(candidate)
        assert [weights[each] for each in ROLLBACK_ORDER] == [0] * (number + 1) + [10] * (3 - number)
    assert (platform.records.releases.switch.reason() or "").endswith(release.release_id)
    stands = platform.records.releases.get(release.release_id)
    assert (stands.status, stands.rollback_no) == ("rolling_back", 1)
    assert [each.healthy for each in platform.steps(release)] == [False, False, False, None]


def test_a_repeat_of_a_step_is_not_executed_again(platform: Platform) -> None:
    release = platform.draft(status="baking", weight=100, wanted=100)
    for _ in range(2):
        step(platform, release.release_id, ROLLBACK_ORDER[0])
    [once] = platform.steps(release)
    assert once.started_at and once.ended_at and platform.records.releases.get(release.release_id).rollback_no == 1


def test_after_a_healthy_step_the_others_are_left_alone(platform: Platform) -> None:
    release = platform.draft(status="baking", weight=100, wanted=100)
    platform.hands.alarm("alarm")
    step(platform, release.release_id, ROLLBACK_ORDER[0])
    platform.hands.alarm("ok")
    for part in ROLLBACK_ORDER[1:]:
        assert not step(platform, release.release_id, part).executed
    assert [(each.part, each.healthy) for each in platform.steps(release)] == [(ROLLBACK_ORDER[0], True)]


class Deaf:
    """A platform that takes orders and does nothing."""

    def restore(self, part: str, baseline: Versions) -> None:
        """Not done."""

    def is_restored(self, part: str, baseline: Versions) -> bool:
        """It says so."""
        return False

    def alarms(self, names: Sequence[str]) -> list[Alarm]:
        """None."""
        return []

    def weights(self, candidate: Versions) -> dict[str, int]:
        """None."""
        return {}

    def shift(self, baseline: Versions, candidate: Versions, *, weight: int) -> None:
        """Not done."""


def test_a_part_that_the_platform_does_not_show_as_restored_is_kept_as_unverified(platform: Platform) -> None:
    release = platform.draft(status="canary", weight=10, wanted=10)
    command = RollBackStep(release_id=release.release_id, part=ROLLBACK_ORDER[0])
    done = roll_back_step(command, records=platform.records, deployments=Deaf())
    assert done == RolledBackStep(executed=True, verified=False)
    assert [each.verified for each in platform.steps(release)] == [False]
