"""BlockRelease: the job is done, the release is not."""

from shared.usecases.block_release import BlockRelease, block_release
from tests.releases import Platform


def test_release_job_and_run_end_once(platform: Platform) -> None:
    failed = [{"check": "COST_GATE_FAILED", "reasons": ["EVIDENCE_MISSING"]}]
    release = platform.started(status="gating")
    platform.records.releases.change(release, failed_checks=failed)
    for _ in range(2):
        blocked = block_release(BlockRelease(release_id=release.release_id), records=platform.records)
        assert blocked.failed_checks == ["COST_GATE_FAILED"]
    assert platform.records.releases.get(release.release_id).status == "release_blocked"
    assert platform.job_status(release) == "succeeded"
    assert platform.records.jobs.newest_run(release.job_id or "").status == "succeeded"
