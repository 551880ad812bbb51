"""BlockRelease: the gate did not admit the release; its job is done with that outcome (spec W58)."""

from dataclasses import dataclass

from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRelease:
    """Which release."""

    release_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedRelease:
    """The checks that failed, by name."""

    failed_checks: list[str]


def block_release(command: BlockRelease, *, records: Records) -> BlockedRelease:
    """Move release and job and close the run; a repeat changes nothing."""
    with records.transaction():
        release = records.releases.get(command.release_id, lock=True)
        if release.status == "gating":
            records.moves.release(release, "release_blocked")
        job = records.jobs.get(release.job_id or "", lock=True)
        if job.status != "succeeded":
            records.moves.job(job, "succeeded", step="BlockRelease")
            records.moves.close_run(records.jobs.newest_run(job.job_id).run_id, "succeeded")
    return BlockedRelease(failed_checks=[each["check"] for each in release.failed_checks])
