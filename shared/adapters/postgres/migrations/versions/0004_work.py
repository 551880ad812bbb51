"""Jobs, runs, events, dead letters, outbox, idempotency keys (spec D70-D77)."""

from shared.adapters.postgres.migrations.ddl import APPEND_ONLY, FULL, READ_WRITE, drop, protect, run

revision, down_revision = "0004", "0003"
branch_labels = depends_on = None

JOBS = """
create table jobs (
  job_id text not null collate "C", {MUTABLE},
  job_type text not null check (job_type in ('ingest_document','evaluate_bid')),
  resource_type text not null, resource_id text not null, project_id text,
  lane text not null default 'standard' check (lane in ('interactive','standard','bulk')),
  priority int not null default 5 check (priority between 0 and 9),
  status text not null check (status in
    ('queued','running','retrying','succeeded','dlq_pending','dlq_recorded','failed','canceled')),
  stage text, step text, retry_count int not null default 0,
  available_at timestamptz not null default clock_timestamp(), claim_token text, waiting_on text,
  progress_done int not null default 0, progress_total int not null default 100, deadline_at timestamptz not null,
  error_code text, error jsonb, dlq_id text, requeue_of text, cancel_reason text,
  started_at timestamptz, ended_at timestamptz,
  payload jsonb not null default '{"schema_version": 1}',
  check (status not in ('failed','dlq_recorded') or dlq_id is not null),
  primary key (tenant_id, job_id));
create index jobs_queued on jobs (lane, status, priority desc, available_at) where status = 'queued';
create index jobs_running on jobs (tenant_id, status) where status in ('running','retrying');
create index jobs_newest on jobs (tenant_id, job_id desc);
create index jobs_of_resource on jobs (tenant_id, resource_id);
create table runs (
  run_id text not null collate "C", {MUTABLE}, job_id text not null, run_no int not null, machine text not null,
  machine_version text not null, execution_name text not null unique, execution_ref text,
  status text not null check (status in ('created','started','succeeded','failed','stopped','lost')),
  last_seq bigint not null default 0, input_hash text, started_at timestamptz, ended_at timestamptz,
  primary key (tenant_id, run_id), unique (tenant_id, job_id, run_no),
  foreign key (tenant_id, job_id) references jobs);
create table step_attempts (
  run_id text not null, step text not null, item_key text not null default '', attempt int not null, {BASE},
  started_at timestamptz not null, ended_at timestamptz, error_code text, error_class text, retryable boolean,
  primary key (tenant_id, run_id, step, item_key, attempt),
  foreign key (tenant_id, run_id) references runs);
create table run_events (
  run_id text not null, seq bigint not null, {BASE}, event_type text not null, stage text, payload jsonb not null,
  occurred_at timestamptz not null, primary key (tenant_id, run_id, seq),
  foreign key (tenant_id, run_id) references runs);
create table dlq_items (
  dlq_id text not null collate "C", {MUTABLE}, kind text not null check (kind in ('job','message')), job_id text,
  event_id text, consumer text, step text, error_code text not null, error_class text not null,
  context jsonb not null, status text not null check (status in ('open','requeued','discarded')),
  first_failed_at timestamptz not null, last_failed_at timestamptz not null, replay_count int not null default 0,
  primary key (tenant_id, dlq_id), unique (tenant_id, job_id), unique (tenant_id, event_id, consumer),
  foreign key (tenant_id, job_id) references jobs);
alter table jobs add foreign key (tenant_id, dlq_id) references dlq_items (tenant_id, dlq_id);
"""
EVENTS = """
create table outbox_events (
  event_id text not null collate "C", {BASE}, event_type text not null, contract_version text not null default '1.0',
  aggregate_type text not null, aggregate_id text not null, aggregate_version bigint not null, producer text not null,
  project_id text, run_id text, job_id text, correlation_id text not null, causation_id text, payload jsonb not null,
  status text not null default 'pending' check (status in ('pending','published','failed')),
  attempts int not null default 0, available_at timestamptz not null default clock_timestamp(),
  published_at timestamptz, primary key (tenant_id, event_id));
create index outbox_pending on outbox_events (available_at) where status = 'pending';
create table consumed_events (
  event_id text not null, consumer text not null, {BASE}, result jsonb not null,
  primary key (tenant_id, event_id, consumer));
create table idempotency_keys (
  key text not null, {BASE}, actor_id text not null, route text not null, fingerprint text not null,
  response_status int, response_body jsonb, expires_at timestamptz not null,
  primary key (tenant_id, key));
"""


def upgrade() -> None:
    """Create the work tables and what the relay and the dispatcher may see of all tenants."""
    run(JOBS)
    run(EVENTS)
    protect(
        {
            "jobs": READ_WRITE,
            "runs": READ_WRITE,
            "step_attempts": READ_WRITE,
            "run_events": APPEND_ONLY,
            "dlq_items": READ_WRITE,
            "outbox_events": "select, insert",
            "consumed_events": APPEND_ONLY,
            "idempotency_keys": FULL,
        }
    )
    run("""
    create policy relay_all on outbox_events to bidproof_relay using (true) with check (true);
    grant select, update (status, attempts, available_at, published_at) on outbox_events to bidproof_relay;
    create policy dispatch_jobs on jobs to bidproof_dispatch using (true) with check (true);
    grant select (tenant_id, job_id, job_type, resource_id, project_id, lane, priority, status, available_at,
      waiting_on, deadline_at, created_at, trace_id, payload) on jobs to bidproof_dispatch;
    grant update (available_at) on jobs to bidproof_dispatch;
    create policy dispatch_runs on runs to bidproof_dispatch using (true) with check (true);
    grant select, update (status, execution_ref, input_hash, started_at, updated_at) on runs to bidproof_dispatch;
    """)


def downgrade() -> None:
    """Drop all of it."""
    drop(
        "idempotency_keys",
        "consumed_events",
        "outbox_events",
        "dlq_items",
        "run_events",
        "step_attempts",
        "runs",
        "jobs",
    )
