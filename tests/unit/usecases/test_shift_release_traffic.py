"""ShiftReleaseTraffic: the weight of the row goes to the aliases, once."""

import pytest

from shared.domain.releases import read_versions
from shared.usecases.shift_release_traffic import ShiftReleaseTraffic, shift_release_traffic
from tests.releases import Platform


@pytest.mark.parametrize(
    ("before", "weight", "wanted", "after"),
    [("release_ready", 0, 10, "canary"), ("canary", 10, 30, "canary"), ("canary", 30, 100, "baking")],
)
def test_the_next_weight_is_set_everywhere_and_a_repeat_moves_nothing(
    platform: Platform, before: str, weight: int, wanted: int, after: str
) -> None:
    release = platform.draft(status=before, weight=weight, wanted=wanted, breaches=1)
    command = ShiftReleaseTraffic(release_id=release.release_id)
    for _ in range(2):
        shifted = shift_release_traffic(command, records=platform.records, deployments=platform.deployments)
        assert shifted.weight == wanted
    stands = platform.records.releases.get(release.release_id)
    assert (stands.status, stands.weight, stands.breaches) == (after, wanted, 0)
    assert stands.weight_since is not None and stands.clean_since is None
    assert set(platform.deployments.weights(read_versions(release.candidate)).values()) == {wanted}
    [step] = platform.steps(release)
    assert (step.kind, step.weight, step.verified) == ("shift", wanted, True)
    sizes = ["small", "medium", "large"][: (10, 30, 100).index(wanted) + 1]
    assert step.details["sizes"] == sizes
