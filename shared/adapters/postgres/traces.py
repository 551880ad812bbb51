"""One ordered story from attempts, run events, outbox and audit (spec A112)."""

from shared.adapters.postgres.session import Session
from shared.ports.trace_records import TraceEvent

_STEPS = """
select a.started_at as occurred_at, 'step' as source, a.step as name, r.machine as producer, j.trace_id, a.run_id,
  r.job_id, null as stage, nullif(a.item_key, '') as item, a.attempt, a.error_code as code,
  (extract(epoch from a.ended_at - a.started_at) * 1000)::float as duration_ms
from step_attempts a join runs r using (tenant_id, run_id) join jobs j using (tenant_id, job_id)"""
_RUN_EVENTS = """
select e.occurred_at, 'run', e.event_type, r.machine, e.trace_id, e.run_id, r.job_id, e.stage, null, null, null, null
from run_events e join runs r using (tenant_id, run_id) join jobs j using (tenant_id, job_id)"""
_OUTBOX = """
select o.created_at, 'event', o.event_type, o.producer, o.trace_id, o.run_id, o.job_id, null, null, null, null, null
from outbox_events o"""
_AUDIT = """
select l.occurred_at, 'audit', l.action, l.actor_id, l.trace_id, null, null, null, null, null,
  case when l.result = 'done' then null else l.result end, null
from audit_log l"""
_ORDER = "order by occurred_at, source, name limit %(limit)s"


class Traces:
    """The Traces port. A step belongs to the trace of the request that started its job."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of_run(self, run_id: str, *, limit: int) -> list[TraceEvent]:
        """Steps, run events and domain events of the run, by time."""
        job = "o.job_id = (select job_id from runs where run_id = %(run_id)s)"
        query = f"""{_STEPS} where a.run_id = %(run_id)s union all {_RUN_EVENTS} where e.run_id = %(run_id)s
            union all {_OUTBOX} where o.run_id = %(run_id)s or (o.run_id is null and {job}) {_ORDER}"""
        return self._session.all(TraceEvent, query, run_id=run_id, limit=limit)

    def of_trace(self, trace_id: str, *, limit: int) -> list[TraceEvent]:
        """The same, and audit entries, of everything that carries the trace id, by time."""
        query = f"""{_STEPS} where j.trace_id = %(trace_id)s union all {_RUN_EVENTS} where e.trace_id = %(trace_id)s
            union all {_OUTBOX} where o.trace_id = %(trace_id)s union all {_AUDIT} where l.trace_id = %(trace_id)s
            {_ORDER}"""
        return self._session.all(TraceEvent, query, trace_id=trace_id, limit=limit)

    def jobs_of(self, trace_id: str) -> list[str]:
        """Ids of the jobs that were accepted under the trace id."""
        rows = self._session.rows("select job_id from jobs where trace_id = %(id)s order by job_id", id=trace_id)
        return [row["job_id"] for row in rows]

    def tries_with(self, run_id: str, step: str, item: str, *, code: str, before: int) -> int:
        """How many tries of the step below number `before` ended with the code (W23)."""
        found = self._session.row(
            """select count(*) as tries from step_attempts where run_id = %(run_id)s and step = %(step)s
                 and item_key = %(item)s and attempt < %(before)s and error_code = %(code)s""",
            run_id=run_id,
            step=step,
            item=item,
            code=code,
            before=before,
        )
        assert found is not None
        return int(found["tries"])
