"""Dead letters of jobs and messages, and how each is resolved (spec D75, D106, W102-W107)."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.adapters.postgres.trail import Trail
from shared.domain.dead_letters import DeadLetter, Health
from shared.domain.errors import Refused

SELECT = """select d.dlq_id, d.kind, d.status, d.error_code, d.error_class, d.first_failed_at, d.last_failed_at,
    d.job_id, j.job_type, coalesce(d.project_id, j.project_id) as project_id, d.event_id, d.consumer, d.step,
    d.context, coalesce(d.payload, j.payload) as payload, d.replay_count, d.replayed_by, d.new_job_id, d.approval_id,
    d.reason, d.created_at, d.row_version
  from dlq_items d left join jobs j using (tenant_id, job_id)"""
FILTERS = {
    "status": "d.status = %(status)s",
    "kind": "d.kind = %(of_kind)s",
    "code": "d.error_code = %(code)s",
    "job_type": "j.job_type = %(job_type)s",
    "project_id": "coalesce(d.project_id, j.project_id) = %(project_id)s",
}
TOUCHED = """updated_at = clock_timestamp(), row_version = row_version + 1,
    updated_by = coalesce(nullif(current_setting('app.actor_id', true), ''), 'system')"""


class DeadLetters:
    """The DeadLetters port."""

    def __init__(self, session: Session, trail: Trail) -> None:
        self._session, self._trail = session, trail

    def add_message(self, *, dlq_id: str, consumer: str, envelope: Mapping[str, Any], error: Mapping[str, Any]) -> str:
        """Keep a message that its consumer gave up on, once per (event, consumer); its id (W103)."""
        with self._session.transaction():
            found = self._session.row(
                """insert into dlq_items (dlq_id, kind, event_id, consumer, error_code, error_class, context, payload,
                     project_id, status, first_failed_at, last_failed_at)
                   values (%(dlq_id)s, 'message', %(event_id)s, %(consumer)s, %(code)s, %(kind)s, %(context)s,
                     %(payload)s, %(project_id)s, 'open', clock_timestamp(), clock_timestamp())
                   on conflict (tenant_id, event_id, consumer) do update set last_failed_at = excluded.last_failed_at
                   returning dlq_id, (xmax = 0) as is_new""",
                dlq_id=dlq_id,
                event_id=envelope["event_id"],
                consumer=consumer,
                code=error["code"],
                kind=error["class"],
                context=Jsonb({"schema_version": 1, "error": dict(error)}),
                payload=Jsonb(dict(envelope)),
                project_id=envelope.get("project_id"),
            )
            assert found is not None
            if found["is_new"]:
                self._trail.audit("dead_letter.recorded", "dead_letter", dlq_id, changes={"consumer": consumer})
            if found["is_new"] and envelope["event_type"] != "dlq.recorded":  # else it would tell of itself for ever
                payload = {"dlq_id": dlq_id, "kind": "message", "consumer": consumer, "status": "open"}
                self._trail.publish("dlq.recorded", ("dead_letter", dlq_id, 1), payload)
        return str(found["dlq_id"])

    def get(self, dlq_id: str, *, lock: bool = False) -> DeadLetter:
        """The item; raises Refused DLQ_ITEM_NOT_FOUND."""
        found = self._session.first(
            DeadLetter, f"{SELECT} where d.dlq_id = %(id)s {'for update of d' if lock else ''}", id=dlq_id
        )
        if found is None:
            raise Refused("DLQ_ITEM_NOT_FOUND")
        return found

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> Sequence[DeadLetter]:
        """Newest first, ids below `before`."""
        where = "".join(f" and {FILTERS[name]}" for name in filters)
        return self._session.all(
            DeadLetter,
            f"""{SELECT} where (%(before)s::text is null or d.dlq_id < %(before)s) {where}
                order by d.dlq_id desc limit %(limit)s""",
            before=before,
            limit=limit,
            **{"of_kind" if name == "kind" else name: value for name, value in filters.items()},
        )

    def attempts(self, job_id: str) -> Sequence[Mapping[str, Any]]:
        """Every noted try of the job's runs, in time order."""
        return self._session.rows(
            """select a.run_id, a.step, a.item_key, a.attempt, a.started_at, a.ended_at, a.error_code, a.error_class,
                 a.retryable
               from step_attempts a join runs r using (tenant_id, run_id)
               where r.job_id = %(job_id)s order by a.started_at, a.step, a.item_key, a.attempt limit 1000""",
            job_id=job_id,
        )

    def requeued(self, item: DeadLetter, *, new_job_id: str, reason: str) -> DeadLetter:
        """open -> requeued with the new job."""
        change = "status = 'requeued', new_job_id = %(new_job_id)s, reason = %(reason)s"
        return self._resolve(item, change, "requeued", "DLQ_REQUEUE_CONFLICT", new_job_id=new_job_id, reason=reason)

    def replayed(self, item: DeadLetter, *, by: str, reason: str, done: bool = False) -> DeadLetter:
        """replay_count + 1; requeued at once when `done` or when the consumer had consumed the event (W105)."""
        change = """replay_count = replay_count + 1, replayed_by = %(by)s, reason = %(reason)s,
            status = case when %(done)s or exists (select from consumed_events c where c.event_id = d.event_id
              and c.consumer = d.consumer) then 'requeued' else 'open' end"""
        return self._resolve(item, change, "replayed", "DLQ_REPLAY_CONFLICT", by=by, reason=reason, done=done)

    def discarded(self, item: DeadLetter, *, approval_id: str, reason: str) -> DeadLetter:
        """open -> discarded."""
        change = "status = 'discarded', approval_id = %(approval_id)s, reason = %(reason)s"
        return self._resolve(item, change, "discarded", "DLQ_DISCARD_CONFLICT", approval_id=approval_id, reason=reason)

    def health(self) -> Health:
        """Open items and the share of the last day's jobs (W107)."""
        found = self._session.first(
            Health,
            """select (select count(*) from dlq_items where status = 'open') as open_items,
                 count(*) as jobs_of_day, count(dlq_id) as dead_of_day
               from jobs where created_at > clock_timestamp() - interval '24 hours'""",
        )
        assert found is not None
        return found

    def _resolve(self, item: DeadLetter, change: str, did: str, conflict: str, **values: Any) -> DeadLetter:
        with self._session.transaction():
            touched = self._session.execute(
                f"""update dlq_items d set {change}, {TOUCHED}
                    where dlq_id = %(id)s and status = 'open' and row_version = %(version)s""",
                id=item.dlq_id,
                version=item.row_version,
                **values,
            )
            if not touched:
                raise Refused(conflict)
            self._trail.audit(f"dead_letter.{did}", "dead_letter", item.dlq_id, changes=values)
            resolved = self.get(item.dlq_id)
            if resolved.status != "open":
                payload = {"dlq_id": item.dlq_id, "kind": item.kind, "status": resolved.status}
                about = ("dead_letter", item.dlq_id, resolved.row_version)
                self._trail.publish(f"dlq.{resolved.status}", about, payload, project_id=item.project_id)
            return resolved
