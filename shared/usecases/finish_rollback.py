"""FinishRollback: by the stored replay and the stored steps, traffic returns or new work stays closed (W63, W65)."""

from dataclasses import dataclass

from shared.domain.releases import Release, rollback_times
from shared.ports.records import Records

CLOSED = ("rolled_back", "rollback_failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRollback:
    """Which release; what the machine was told of the replay is no evidence."""

    release_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRollback:
    """Whether the rollback is verified."""

    passed: bool


def finish_rollback(command: FinishRollback, *, records: Records) -> FinishedRollback:
    """Passed: `rolled_back`, new work is open again, job and run end well. Otherwise `rollback_failed` with an alert of
    severity P0; the job goes on to RecordFailure and new work stays closed. A repeat changes nothing."""
    with records.transaction():
        release = records.releases.get(command.release_id, lock=True)
        if release.status in CLOSED:
            return FinishedRollback(passed=release.status == "rolled_back")
        passed = _is_verified(records, release)
        if passed:
            release = records.moves.release(release, "rolled_back", verified_at=records.releases.now())
            records.releases.switch.open()
            _end_job(records, release)
        else:
            release = records.moves.release(release, "rollback_failed")
            about = {"level": "P0", "release_id": release.release_id}
            records.trail.alert("rollback_failed", ("release", release.release_id, release.row_version), about)
        changes = {"passed": passed, **rollback_times(release)}
        records.trail.audit("release.rollback_finished", "release", release.release_id, changes=changes)
    return FinishedRollback(passed=passed)


def _is_verified(records: Records, release: Release) -> bool:
    """A replay that is still open ran out of time."""
    replay = records.releases.replays.get(release.release_id, release.rollback_no)
    if replay is not None and replay.status == "open":
        records.releases.replays.close(replay, "failed", [])
    steps = records.releases.steps(release.release_id)
    mine = [step for step in steps if step.kind == "roll_back" and step.rollback_no == release.rollback_no]
    return replay is not None and replay.status == "passed" and bool(mine) and all(step.verified for step in mine)


def _end_job(records: Records, release: Release) -> None:
    job = records.jobs.get(release.job_id or "", lock=True)
    records.moves.job(job, "succeeded", step="FinishRollback")
    records.moves.close_run(records.jobs.newest_run(job.job_id).run_id, "succeeded")
