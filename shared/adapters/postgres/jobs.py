"""Jobs, their runs, attempts and dead letters (spec D70-D75)."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.adapters.postgres.trail import Trail
from shared.domain.errors import Refused, Retryable
from shared.domain.jobs import MACHINES, Job, Run, execution_name
from shared.ports.platform import Clock

COLUMNS = ", ".join(f.name for f in fields(Job))
RUN_COLUMNS = ", ".join(f.name for f in fields(Run))
BACKLOG = 2000
RELEASES = "roll_out_release"  # what brings the platform back is let through
ACCEPT = f"""
with accepted as (
  insert into jobs (job_id, job_type, resource_type, resource_id, project_id, lane, priority, status,
      deadline_at, requeue_of, batch_id, payload, turn)
  select %(job_id)s, %(job_type)s, %(resource_type)s, %(resource_id)s, %(project_id)s, %(lane)s,
      %(priority)s, 'queued', %(deadline_at)s, %(requeue_of)s, %(batch_id)s, %(payload)s,
      %(priority)s * 60 - extract(epoch from clock_timestamp())
  where (select count(*) from (select from jobs where status = 'queued' limit {BACKLOG}) q) < {BACKLOG}
    and (%(is_let_through)s or not exists (select from work_switch where is_closed))
  returning *),
made as (
  insert into runs (run_id, job_id, run_no, machine, machine_version, execution_name, status)
  select %(run_id)s, job_id, 1, %(machine)s, '1', %(name)s, 'created' from accepted)
select {COLUMNS} from accepted"""
FILTERS = {
    "status": "status = %(status)s",
    "type": "job_type = %(type)s",
    "project_id": "project_id = %(project_id)s",
    "resource_id": "resource_id = %(resource_id)s",
    "waiting": "(waiting_on is not null) = %(waiting)s",
    "since": "created_at >= %(since)s",
}


class Jobs:
    """The Jobs port."""

    def __init__(self, session: Session, trail: Trail, *, clock: Clock) -> None:
        self._session, self._trail, self._clock = session, trail, clock

    def accept(self, job: Job, *, run_id: str) -> Job:
        """Insert job and run 1 and publish job.queued, in the caller's transaction (W12).

        Raises Retryable TENANT_BACKLOG_FULL when 2,000 jobs of the tenant are queued (W124), and SERVICE_READ_ONLY for
        what a person asks for while new work is closed (W63)."""
        let_through = self._session.actor.kind != "user" or job.job_type == RELEASES
        with self._session.transaction():
            saved = self._session.first(
                Job,
                ACCEPT,
                job_id=job.job_id,
                job_type=job.job_type,
                resource_type=job.resource_type,
                resource_id=job.resource_id,
                project_id=job.project_id,
                lane=job.lane,
                priority=job.priority,
                deadline_at=job.deadline_at,
                requeue_of=job.requeue_of,
                batch_id=job.batch_id,
                payload=Jsonb({"schema_version": 1, **job.payload}),
                run_id=run_id,
                machine=MACHINES[job.job_type],
                name=execution_name(job.job_id, 1),
                is_let_through=let_through,
            )
            if saved is None and not let_through:
                self._refuse_while_closed()
            if saved is None:
                raise Retryable("TENANT_BACKLOG_FULL", details={"queued": BACKLOG})
            about = ("job", job.job_id, 1)
            payload = {"job_id": job.job_id, "job_type": job.job_type, "lane": job.lane}
            self._trail.publish(
                "job.queued", about, payload, project_id=job.project_id, run_id=run_id, job_id=job.job_id
            )
            self._trail.audit("job.queued", "job", job.job_id, changes={"type": job.job_type})
        return saved

    def _refuse_while_closed(self) -> None:
        if row := self._session.row("select reason from work_switch where is_closed"):
            raise Retryable("SERVICE_READ_ONLY", details={"switch": row["reason"]})

    def get(self, job_id: str, *, lock: bool = False, alone: bool = False) -> Job:
        """The job; `lock` locks the row, `alone` waits before for the transactions of its steps to end and holds new
        ones back until the caller's commit (see Session.fence). Raises Refused JOB_NOT_FOUND."""
        if alone:
            self._session.execute(
                "select pg_advisory_xact_lock(hashtextextended('job|' || %(id)s, 0))",
                id=job_id,
            )
        found = self._session.first(
            Job, f"select {COLUMNS} from jobs where job_id = %(id)s {'for update' if lock else ''}", id=job_id
        )
        if found is None:
            raise Refused("JOB_NOT_FOUND")
        return found

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> Sequence[Job]:
        """Newest first, ids below `before`."""
        where = "".join(f" and {FILTERS[name]}" for name in filters)
        return self._session.all(
            Job,
            f"""select {COLUMNS} from jobs where (%(before)s::text is null or job_id < %(before)s) {where}
                order by job_id desc limit %(limit)s""",
            before=before,
            limit=limit,
            **filters,
        )

    def run(self, run_id: str) -> Run:
        """The run; raises Refused RUN_NOT_FOUND."""
        return self._run("run_id = %(id)s", run_id)

    def newest_run(self, job_id: str) -> Run:
        """The run with the highest number; raises Refused RUN_NOT_FOUND."""
        return self._run("job_id = %(id)s order by run_no desc limit 1", job_id)

    def _run(self, where: str, id: str) -> Run:
        found = self._session.first(Run, f"select {RUN_COLUMNS} from runs where {where}", id=id)
        if found is None:
            raise Refused("RUN_NOT_FOUND")
        return found

    def note_attempt(
        self,
        run_id: str,
        step: str,
        item: str,
        attempt: int,
        *,
        started_at: datetime,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the row of one finished try of a step; a repeat of the same try replaces it."""
        self._session.execute(
            """
            insert into step_attempts (run_id, step, item_key, attempt, started_at, ended_at, error_code, error_class,
                retryable)
            values (%(run_id)s, %(step)s, %(item)s, %(attempt)s, %(started_at)s, %(ended_at)s, %(code)s, %(kind)s,
                %(retryable)s)
            on conflict (tenant_id, run_id, step, item_key, attempt) do update set ended_at = excluded.ended_at,
                error_code = excluded.error_code, error_class = excluded.error_class, retryable = excluded.retryable""",
            run_id=run_id,
            step=step,
            item=item,
            attempt=attempt,
            started_at=started_at,
            ended_at=self._clock.now(),
            code=error and error["code"],
            kind=error and error["class"],
            retryable=error and error["retryable"],
        )

    def progress(self, job_id: str, *, done: int, step: str | None = None) -> None:
        """Raise progress_done to `done` of 100, never lower it (W128)."""
        self._session.execute(
            """update jobs set progress_done = greatest(progress_done, least(%(done)s, progress_total)),
                 step = coalesce(%(step)s, step)
               where job_id = %(job_id)s and status in ('running', 'retrying')""",
            job_id=job_id,
            done=done,
            step=step,
        )

    def set_waiting(self, job_id: str, waiting_on: str | None) -> None:
        """Note what the job waits for; a waiting job takes no slot (W122)."""
        self._session.execute(
            "update jobs set waiting_on = %(on)s where job_id = %(job_id)s and status = 'running'",
            job_id=job_id,
            on=waiting_on,
        )

    def events(self, run_id: str, *, after: int, limit: int) -> Sequence[dict[str, Any]]:
        """Run events with seq > after, in order."""
        return self._session.rows(
            """select e.run_id, e.seq, e.event_type, e.stage, e.payload, e.occurred_at, e.trace_id, r.job_id
               from run_events e join runs r using (tenant_id, run_id)
               where e.run_id = %(run_id)s and e.seq > %(after)s order by e.seq limit %(limit)s""",
            run_id=run_id,
            after=after,
            limit=limit,
        )

    def dead_letter(self, job: Job, *, dlq_id: str, step: str | None, error: Mapping[str, Any]) -> str:
        """Insert the dead letter of the job once and return its id (W102)."""
        found = self._session.row(
            """
            insert into dlq_items (dlq_id, kind, job_id, step, error_code, error_class, context, status,
                first_failed_at, last_failed_at)
            values (%(dlq_id)s, 'job', %(job_id)s, %(step)s, %(code)s, %(kind)s, %(context)s, 'open', %(now)s, %(now)s)
            on conflict (tenant_id, job_id) do update set last_failed_at = excluded.last_failed_at
            returning dlq_id""",
            dlq_id=dlq_id,
            job_id=job.job_id,
            step=step,
            code=error["code"],
            kind=error["class"],
            context=Jsonb({"schema_version": 1, "error": dict(error), "resource_id": job.resource_id}),
            now=self._clock.now(),
        )
        assert found is not None
        return str(found["dlq_id"])
