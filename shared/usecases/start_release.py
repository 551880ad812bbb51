"""Start the rollout of a release: its job is accepted, the gate decides (spec A144, W57)."""

from dataclasses import dataclass

from shared.domain.errors import Refused
from shared.domain.jobs import Job, new_job
from shared.domain.releases import BUSY, Release
from shared.domain.transitions import JOB, is_terminal
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records

STARTABLE = ("draft", "release_blocked", "gating", "release_ready")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRelease:
    """Which release."""

    release_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedRelease:
    """The release and the job that rolls it out or back; `run_id` None: a job that runs already does it."""

    release: Release
    job: Job
    run_id: str | None


def start_release(command: StartRelease, *, records: Records, ids: Ids, clock: Clock) -> StartedRelease:
    """Accept the job. Raises Refused RELEASE_NOT_FOUND, or RELEASE_STATE_CONFLICT while it or another one moves."""
    with records.transaction():
        release = records.releases.get(command.release_id, lock=True)
        is_alive = release.job_id is not None and not is_terminal(JOB, records.jobs.get(release.job_id).status)
        if release.status not in STARTABLE or is_alive:
            raise Refused("RELEASE_STATE_CONFLICT", details={"status": release.status})
        for status in BUSY:
            for other in records.releases.list(filters={"status": status}, before=None, limit=1):
                if other.release_id != release.release_id:
                    details = {"release_id": other.release_id, "status": other.status}
                    raise Refused("RELEASE_STATE_CONFLICT", "another release is under way", details=details)
        run_id = ids.new("run")
        job = records.jobs.accept(
            new_job(
                "roll_out_release",
                release.release_id,
                job_id=ids.new("job"),
                tenant_id=records.actor.tenant_id,
                now=clock.now(),
                lane="interactive",
            ),
            run_id=run_id,
        )
        release = records.releases.change(release, job_id=job.job_id)
        records.trail.audit("release.started", "release", release.release_id)
    return StartedRelease(release=release, job=job, run_id=run_id)
