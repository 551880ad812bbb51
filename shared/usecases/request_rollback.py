"""A person starts the rollback of a release, at any time after traffic moved (spec A144, W65)."""

from dataclasses import dataclass

from shared.domain.errors import Refused
from shared.domain.jobs import Job, new_job
from shared.domain.releases import ROLL_BACK, SHIFTED, Release
from shared.domain.transitions import JOB, is_terminal
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records

AGAIN = ("rollback_failed", "rolling_back")  # the second one only after its job has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRollback:
    """Which release, and why."""

    release_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedRollback:
    """The release and the job that rolls it back; `run_id` None: the rollout's own job does it at its next look."""

    release: Release
    job: Job
    run_id: str | None


def request_rollback(command: RequestRollback, *, records: Records, ids: Ids, clock: Clock) -> RequestedRollback:
    """Tell the job that rolls the release out, or accept one that begins with the rollback.

    Raises Refused RELEASE_NOT_FOUND, RELEASE_STATE_CONFLICT before any traffic moved or while it is rolled back."""
    with records.transaction():
        release = records.releases.get(command.release_id, lock=True)
        job = None if release.job_id is None else records.jobs.get(release.job_id)
        is_alive = job is not None and not is_terminal(JOB, job.status)
        if release.status not in (*SHIFTED, *AGAIN) or (is_alive and release.status not in SHIFTED):
            raise Refused("RELEASE_STATE_CONFLICT", details={"status": release.status})
        run_id = None
        if job is None or not is_alive:
            run_id = ids.new("run")
            job = records.jobs.accept(_job(records, release, ids, clock), run_id=run_id)
        release = records.releases.change(
            release,
            job_id=job.job_id,
            rollback_reason=command.reason,
            rollback_by=records.actor.actor_id,
            alarm_at=records.releases.now(),
        )
        changes = {"reason": command.reason}
        records.trail.audit("release.rollback_requested", "release", release.release_id, changes=changes)
    return RequestedRollback(release=release, job=job, run_id=run_id)


def _job(records: Records, release: Release, ids: Ids, clock: Clock) -> Job:
    return new_job(
        "roll_out_release",
        release.release_id,
        job_id=ids.new("job"),
        tenant_id=records.actor.tenant_id,
        now=clock.now(),
        lane="interactive",
        payload={"start_at": ROLL_BACK},
    )
