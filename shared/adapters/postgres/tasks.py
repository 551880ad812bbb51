"""Leases of task jobs (spec W18, F28, F31)."""

from dataclasses import fields

from shared.adapters.postgres.session import Session
from shared.domain.errors import Refused
from shared.domain.jobs import TASK_TYPES, Job
from shared.domain.retries import STEP_RETRIES
from shared.domain.tasks import LEASE_SECONDS

COLUMNS = ", ".join(f.name for f in fields(Job))
DUE = f"""select {COLUMNS} from jobs
where job_type = any(%(types)s)
  and ((status = 'queued' and available_at <= clock_timestamp() and deadline_at > clock_timestamp())
    or (status = 'retrying' and available_at <= clock_timestamp())
    or (status = 'running' and lease_expires_at < clock_timestamp() and retry_count < {STEP_RETRIES}))
order by (job_id is not distinct from %(hint)s) desc, available_at limit 1 for update skip locked"""
RENEWED = f"lease_expires_at = clock_timestamp() + interval '{LEASE_SECONDS} s'"


class Tasks:
    """The Tasks port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def due(self, hint: str | None) -> Job | None:
        """Lock and return a due job, the hint before others."""
        return self._session.first(Job, DUE, types=sorted(TASK_TYPES), hint=hint)

    def lease(self, job_id: str, run_id: str) -> None:
        """Give the job 60 s from now and mark its run started."""
        self._session.execute(f"update jobs set {RENEWED} where job_id = %(id)s", id=job_id)
        self._session.execute(
            """update runs set status = 'started', started_at = clock_timestamp(), updated_at = clock_timestamp()
               where run_id = %(run_id)s and status = 'created'""",
            run_id=run_id,
        )

    def own(self, job_id: str, run_id: str) -> Job:
        """Lock the running job of this run; raises Refused JOB_CANCELED."""
        found = self._session.first(
            Job,
            f"""select {COLUMNS} from jobs where job_id = %(id)s and claim_token = %(run_id)s and status = 'running'
                for update""",
            id=job_id,
            run_id=run_id,
        )
        if found is None:
            raise Refused("JOB_CANCELED", "the job ended or belongs to another run", details={"job_id": job_id})
        return found

    def renew(self, job_id: str, run_id: str) -> bool:
        """60 s more from now; False when this run no longer owns the running job."""
        query = f"update jobs set {RENEWED} where job_id = %(id)s and claim_token = %(run)s and status = 'running'"
        return self._session.execute(query, id=job_id, run=run_id) == 1

    def release(self, job_id: str, *, delay_seconds: float) -> None:
        """Take the lease off and make the job available after the delay."""
        self._session.execute(
            """update jobs set lease_expires_at = null,
                 available_at = clock_timestamp() + %(delay)s * interval '1 second' where job_id = %(id)s""",
            id=job_id,
            delay=delay_seconds,
        )

    def is_coming(self, job_id: str) -> bool:
        """Whether the job waits for a later time."""
        found = self._session.row(
            """select 1 from jobs where job_id = %(id)s and status in ('queued', 'retrying')
                 and available_at > clock_timestamp()""",
            id=job_id,
        )
        return found is not None
