"""CloseRelease: the new version is the closed one, the one before is superseded."""

from shared.usecases.close_release import CloseRelease, close_release
from tests.releases import Platform


def test_release_and_job_end_and_the_earlier_release_is_superseded(platform: Platform) -> None:
    earlier = platform.draft(status="closed")
    release = platform.started(status="baking", weight=100, wanted=100)
    for _ in range(2):
        closed = close_release(CloseRelease(release_id=release.release_id), records=platform.records)
        assert closed.status == "closed"
    assert platform.records.releases.get(earlier.release_id).status == "superseded"
    assert platform.job_status(release) == "succeeded"
