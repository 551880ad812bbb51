"""The role of the reconcilers, what they found, and their heartbeats (spec D84, S62, section 12 of 06)."""

from shared.adapters.postgres.migrations.ddl import APPEND_ONLY, drop, protect, run

revision, down_revision = "0010", "0009"
branch_labels = depends_on = None

SWEEPS = """
do $$ begin
  if not exists (select from pg_roles where rolname = 'bidproof_sweep') then create role bidproof_sweep; end if;
  execute format('grant usage on schema %I to bidproof_sweep', current_schema());
end $$;
create table reconcile_findings (
  finding_id text not null collate "C", {BASE}, sweep text not null, subject_type text not null,
  subject_id text not null, observed jsonb not null, repaired boolean not null,
  primary key (tenant_id, finding_id));
create index reconcile_findings_newest on reconcile_findings (tenant_id, created_at desc);
create table sweep_heartbeats (
  sweep text primary key, last_run_at timestamptz not null, last_ok_at timestamptz, found bigint not null default 0,
  repaired bigint not null default 0, error_code text);
grant select, insert, update on sweep_heartbeats to bidproof_sweep;
grant select on sweep_heartbeats to bidproof_app;
"""
# What the sweeps may see of all tenants: ids, states and times, never content or secrets.
SEEN = {
    "tenants": "tenant_id, status, tier",
    "jobs": """tenant_id, job_id, job_type, resource_id, status, step, retry_count, available_at, claim_token,
      lease_expires_at, waiting_on, deadline_at, dlq_id, batch_id, lane, created_at, updated_at, row_version""",
    "runs": "tenant_id, run_id, job_id, run_no, machine, execution_name, execution_ref, status, last_seq, started_at, "
    "ended_at, created_at, updated_at",
    "run_events": "tenant_id, run_id, seq, event_type, occurred_at",
    "outbox_events": "tenant_id, event_id, event_type, status, attempts, available_at, created_at",
    "waits": "tenant_id, wait_id, kind, subject_id, run_id, status, due_at, updated_at",
    "reviews": "tenant_id, review_id, evaluation_id, status, due_at, claim_expires_at, submitted_at, updated_at",
    "dlq_items": "tenant_id, dlq_id, kind, job_id, status, created_at",
    "evaluations": "tenant_id, evaluation_id, status, job_id, updated_at",
    "documents": "tenant_id, document_id, status, parse_run_id, deleted_at, updated_at",
    "upload_sessions": "tenant_id, upload_id, status, expires_at",
    "batches": "tenant_id, batch_id, status, job_id, updated_at",
    "exports": "tenant_id, export_id, status, expires_at, object_key",
    "approvals": "tenant_id, approval_id, status, expires_at",
    "idempotency_keys": "tenant_id, key, expires_at",
    "webhook_deliveries": "tenant_id, delivery_id, status, next_at",
    "reconcile_findings": "tenant_id, sweep, subject_id, created_at",
}


def upgrade() -> None:
    """Create findings and heartbeats and let bidproof_sweep read the columns it compares."""
    run(SWEEPS)
    protect({"reconcile_findings": APPEND_ONLY})
    for table, columns in SEEN.items():
        run(f"""create policy sweep_sees_all on {table} for select to bidproof_sweep using (true);
            grant select ({columns}) on {table} to bidproof_sweep;""")


def downgrade() -> None:
    """Take the rights back; the role stays, other databases of the server may use it."""
    for table in SEEN:
        run(f"drop policy if exists sweep_sees_all on {table}; revoke all on {table} from bidproof_sweep;")
    drop("sweep_heartbeats", "reconcile_findings")
