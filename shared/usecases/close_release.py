"""CloseRelease: 60 clean minutes at 100 %; the version before stays deployable (spec W64, O44)."""

from dataclasses import dataclass

from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseRelease:
    """Which release."""

    release_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedRelease:
    """How the release stands."""

    status: str


def close_release(command: CloseRelease, *, records: Records) -> ClosedRelease:
    """Move the release, supersede the one closed before it, end job and run; a repeat changes nothing."""
    with records.transaction():
        release = records.releases.get(command.release_id, lock=True)
        if release.status == "baking":
            for earlier in records.releases.list(filters={"status": "closed"}, before=None, limit=10):
                records.moves.release(earlier, "superseded")
            release = records.moves.release(release, "closed")
        job = records.jobs.get(release.job_id or "", lock=True)
        if job.status != "succeeded":
            records.moves.job(job, "succeeded", step="CloseRelease")
            records.moves.close_run(records.jobs.newest_run(job.job_id).run_id, "succeeded")
    return ClosedRelease(status=release.status)
