"""Which rows look wrong, per sweep: one text for all tenants and for one, so that find and repair agree."""

from shared.adapters.postgres.dispatch import SLOTS
from shared.domain.decisions import REMINDERS_PCT
from shared.domain.evaluations import ENDED_STATES, THREADS_KEPT_DAYS
from shared.domain.jobs import TASK_TYPES

_NEWEST = """join lateral (select n.run_id, n.status, n.execution_ref, n.started_at, n.created_at from runs n
    where n.tenant_id = j.tenant_id and n.job_id = j.job_id order by n.run_no desc limit 1) r on true"""


def _ago(column: str, seconds: int) -> str:
    return f"{column} < clock_timestamp() - interval '{seconds} s'"


def _job(where: str, source: str = "jobs j", *, since: str = "j.updated_at") -> str:
    return f"""select j.tenant_id, 'job' as subject_type, j.job_id as subject_id,
        jsonb_build_object('status', j.status, 'type', j.job_type) as observed, {since} as since
        from {source} where {where}"""


def _wait(where: str) -> str:
    return f"""select w.tenant_id, 'wait' as subject_type, w.wait_id as subject_id,
        jsonb_build_object('status', w.status, 'review', v.review_id, 'review_status', v.status, 'run', r.status)
          as observed, w.due_at as since
        from waits w join reviews v on v.tenant_id = w.tenant_id and v.review_id = w.subject_id
          join runs r on r.tenant_id = w.tenant_id and r.run_id = w.run_id
        where w.status = 'open' and {where}"""


def _leftover(kind: str, table: str, key: str, where: str, since: str = "expires_at") -> str:
    return f"""select tenant_id, '{kind}' as subject_type, {key} as subject_id, '{{}}'::jsonb as observed,
        {since} as since from {table} where {where}"""


_BUSY = """(select count(*) from jobs b where b.tenant_id = j.tenant_id and b.waiting_on is null and (
    b.status in ('running', 'retrying') or exists (select from runs s where s.tenant_id = b.tenant_id
      and s.job_id = b.job_id and s.status = 'started' and b.status = 'queued')))"""
_FORGOTTEN = f"""j.status = 'queued' and {_ago("j.available_at", 60)} and r.status = 'created'
    and {_ago("r.created_at", 60)} and j.deadline_at > clock_timestamp() and {_BUSY} < {SLOTS}"""
_SILENT = f"""j.status in ('running', 'retrying') and j.waiting_on is null and r.status = 'started'
    and r.execution_ref is not null and {_ago("j.updated_at", 600)} and {_ago("r.started_at", 600)}
    and not exists (select from run_events e where e.tenant_id = j.tenant_id and e.run_id = r.run_id
      and e.occurred_at > clock_timestamp() - interval '600 s')"""
# Who ended longer ago was looked at a dozen times already.
_UNSTOPPED = f"""j.status in ('canceled', 'failed') and r.execution_ref is not null and {_ago("j.updated_at", 60)}
    and j.updated_at > clock_timestamp() - interval '900 s'"""
_LEASED = "j.status = 'running' and j.lease_expires_at < clock_timestamp()"
_RETRIED = f"""j.status = 'retrying' and j.waiting_on is null and {_ago("j.available_at", 60)}
    and j.job_type in ({", ".join(f"'{kind}'" for kind in sorted(TASK_TYPES))})"""
_HALF = f"j.status in ('dlq_pending', 'dlq_recorded') and {_ago('j.updated_at', 60)}"
_OVERDUE = "j.status = 'queued' and j.deadline_at < clock_timestamp()"
_ANSWERED = f"v.status in ('submitted', 'applied') and {_ago('v.submitted_at', 60)}"
_LATE = f"v.status in ('open', 'claimed') and {_ago('v.due_at', 600)}"

# A document that is indexed again changes under the hands of its job, which compares for itself (W38).
_AT_REST = """not exists (select from jobs j where j.tenant_id = d.tenant_id and j.resource_id = d.document_id
    and j.status not in ('succeeded', 'failed', 'canceled'))"""
_TENANTS = """select tenant_id, 'tenant' as subject_type, tenant_id as subject_id, '{}'::jsonb as observed,
    'epoch'::timestamptz as since from tenants"""

# A batch whose items do not stand where their jobs do; events tell at once, so this looks for what they left (A118).
_ITEM = "from batch_items i where i.tenant_id = b.tenant_id and i.batch_id = b.batch_id and i.status"
_UNSETTLED = f"""exists (select {_ITEM} = 'started' and exists (select from jobs e where e.tenant_id = i.tenant_id
        and e.job_id = i.job_id and e.status in ('succeeded', 'failed', 'canceled') and {_ago("e.updated_at", 60)}))
    or b.status = 'canceled' and {_ago("b.updated_at", 60)} and exists (select {_ITEM} = 'started')
    or b.status in ('queued', 'running') and j.status in ('failed', 'canceled') and {_ago("j.updated_at", 60)}
      and (exists (select {_ITEM} = 'pending') or not exists (select {_ITEM} = 'started'))
    or b.status in ('queued', 'running') and j.deadline_at < clock_timestamp()
      and exists (select {_ITEM} = 'pending')"""

# Threads go 30 days after the last move of an evaluation that has ended (W84).
ENDED_LONG_AGO = f"""status = any(array{list(ENDED_STATES)})
    and updated_at <= clock_timestamp() - interval '{THREADS_KEPT_DAYS} days'"""
# The last reminder whose part of the wait is over (W88).
REMINDER_REACHED = f"""(select coalesce(max(pct), 0) from unnest(array{list(REMINDERS_PCT)}) pct
    where clock_timestamp() >= opened_at + (due_at - opened_at) * (pct / 100.0::float8))"""

QUERIES = {
    "index_entries": f"""select d.tenant_id, 'document' as subject_type, d.document_id as subject_id,
        jsonb_build_object('run', d.parse_run_id) as observed, d.updated_at as since
        from documents d where d.status = 'indexed' and d.deleted_at is null and {_AT_REST}""",
    "index_strangers": _TENANTS,
    "index_generations": """select tenant_id, 'tenant' as subject_type, tenant_id as subject_id,
        '{}'::jsonb as observed, min(updated_at) as since from index_generations
        where state = 'building' or state = 'kept' and kept_until <= clock_timestamp()
          or state = 'retired' and dropped_at is null group by tenant_id""",
    "unfinished_uploads": _TENANTS,
    "unnamed_objects": _TENANTS,
    "report_objects": """select e.tenant_id, 'evaluation' as subject_type, e.evaluation_id as subject_id,
        '{}'::jsonb as observed, e.updated_at as since from evaluations e
        where e.status not in ('queued', 'evaluating')""",
    # one for a tenant and lane: the wake-up starts as many as there are slots
    "forgotten_jobs": f"""select distinct on (tenant_id, lane) * from (
        select j.tenant_id, 'job' as subject_type, j.job_id as subject_id, j.available_at as since, j.lane,
          jsonb_build_object('status', j.status, 'lane', j.lane, 'run', r.status) as observed
        from jobs j join tenants t using (tenant_id) {_NEWEST} where {_FORGOTTEN}) f
        order by tenant_id, lane, since""",
    "silent_executions": _job(_SILENT, f"jobs j {_NEWEST}"),
    "unstopped_executions": _job(_UNSTOPPED, f"jobs j {_NEWEST}"),
    "expired_leases": _job(_LEASED, since="j.lease_expires_at"),
    "forgotten_retries": _job(_RETRIED, since="j.available_at"),
    "half_dead_letters": _job(_HALF),
    "overdue_jobs": _job(_OVERDUE, since="j.deadline_at"),
    "unsettled_batches": f"""select b.tenant_id, 'batch' as subject_type, b.batch_id as subject_id,
        jsonb_build_object('status', b.status, 'job_status', j.status) as observed, b.updated_at as since
        from batches b join jobs j on j.tenant_id = b.tenant_id and j.job_id = b.job_id where {_UNSETTLED}""",
    "undelivered_waits": _wait(_ANSWERED),
    "overdue_waits": _wait(_LATE),
    "closed_waits": _wait("v.status in ('expired', 'canceled') and w.updated_at < clock_timestamp() - interval '60 s'"),
    "due_reviews": f"""select tenant_id, 'review' as subject_type, review_id as subject_id,
        jsonb_build_object('status', status) as observed, due_at as since from reviews
        where status in ('open', 'claimed') and due_at > clock_timestamp() and reminded_pct < {REMINDER_REACHED}""",
    "waiting_events": """select tenant_id, 'outbox' as subject_type, tenant_id as subject_id,
        jsonb_build_object('pending', count(*), 'oldest', min(created_at)) as observed, min(created_at) as since
        from outbox_events where status = 'pending' and available_at < clock_timestamp() - interval '60 s'
        group by tenant_id""",
    "leftovers": " union all ".join(
        (
            _leftover(
                "approval",
                "approvals",
                "approval_id",
                "status in ('requested', 'approved') and expires_at <= clock_timestamp()",
            ),
            _leftover("key", "idempotency_keys", "key", "expires_at <= clock_timestamp()"),
            _leftover(
                "claim",
                "reviews",
                "review_id",
                "status = 'claimed' and claim_expires_at <= clock_timestamp() and due_at > clock_timestamp()",
                "claim_expires_at",
            ),
            _leftover("upload", "upload_sessions", "upload_id", "status = 'open' and expires_at <= clock_timestamp()"),
            # also those that expired before their files were deleted
            _leftover(
                "export",
                "exports",
                "export_id",
                "status in ('ready', 'expired') and object_key is not null and expires_at <= clock_timestamp()",
            ),
            _leftover(
                "threads",
                "evaluations e",
                "evaluation_id",
                f"""{ENDED_LONG_AGO} and exists (select from criterion_runs r
                    join checkpoints c on c.tenant_id = r.tenant_id and c.thread_id = r.thread_id
                    where r.tenant_id = e.tenant_id and r.evaluation_id = e.evaluation_id)""",
                "updated_at",
            ),
        )
    ),
}
# Each execution costs a call of the platform: at most 50 per sweep, in turns, so that long ones hide no other (W113).
DRAWN = frozenset({"silent_executions", "unstopped_executions"})
# seconds before the same subject is woken again
NUDGES = {"forgotten_jobs": 60, "forgotten_retries": 60, "undelivered_waits": 60}
# All rows are looked at, 500 at a time: each hour (or day) its portion, so that N rows take N / 500 turns.
TURN_SECONDS = {"index_entries": 3600, "index_strangers": 3600}
TURN_SECONDS |= dict.fromkeys(("unfinished_uploads", "unnamed_objects", "report_objects"), 86_400)
