"""Resumed, exported and batched jobs; leases of task jobs; batches and exports (spec D69, D70, D74, W18)."""

from shared.adapters.postgres.migrations.ddl import READ_WRITE, drop, protect, run

revision, down_revision = "0007", "0006"
branch_labels = depends_on = None

OLD, NEW = "'ingest_document','evaluate_bid'", "'ingest_document','evaluate_bid','resume_evaluation','export','batch'"
TYPES = "alter table jobs drop constraint jobs_job_type_check, add constraint jobs_job_type_check check (job_type in "
TASKS = """
alter table jobs add column lease_expires_at timestamptz, add column batch_id text;
create index jobs_leased on jobs (lease_expires_at) where lease_expires_at is not null;
create table batches (
  batch_id text not null collate "C", {MUTABLE}, kind text not null check (kind in ('evaluate','parse','export')),
  project_id text, job_id text not null,
  status text not null check (status in ('queued','running','completed','canceled')),
  total int not null, processed int not null default 0, succeeded int not null default 0,
  failed int not null default 0, canceled int not null default 0,
  primary key (tenant_id, batch_id), foreign key (tenant_id, job_id) references jobs);
create table batch_items (
  batch_id text not null, item_no int not null, {MUTABLE}, payload jsonb not null, job_id text,
  status text not null check (status in ('pending','started','succeeded','failed','canceled')), error_code text,
  primary key (tenant_id, batch_id, item_no), foreign key (tenant_id, batch_id) references batches);
create index batch_items_of_job on batch_items (tenant_id, job_id) where job_id is not null;
create table exports (
  export_id text not null collate "C", {MUTABLE}, project_id text, job_id text,
  kind text not null check (kind in ('pdf','csv','json')), source jsonb not null,
  status text not null check (status in ('queued','ready','failed','expired')), object_key text, object_version text,
  sha256 text, size_bytes bigint, expires_at timestamptz, error_code text,
  check (status <> 'ready' or (object_key is not null and sha256 is not null)),
  primary key (tenant_id, export_id));
"""


def upgrade() -> None:
    """Create batches and exports and let jobs hold a lease."""
    run(f"{TYPES}({NEW}))")
    run(TASKS)
    protect({"batches": READ_WRITE, "batch_items": READ_WRITE, "exports": READ_WRITE})
    run("""
    grant select (lease_expires_at, retry_count, step, claim_token, row_version) on jobs to bidproof_dispatch;""")


def downgrade() -> None:
    """Drop them; fails while jobs of the newer kinds exist, which no older code could run."""
    drop("exports", "batch_items", "batches")
    run("alter table jobs drop column if exists lease_expires_at, drop column if exists batch_id;")
    run(f"{TYPES}({OLD}))")
