"""Batches whose numbers are counted, one job for each item at most, and a sweep that sees them (spec D74, A118)."""

from shared.adapters.postgres.migrations.ddl import run

revision, down_revision = "0014", "0013"
branch_labels = depends_on = None

COUNTS = ("total", "processed", "succeeded", "failed", "canceled")


def upgrade() -> None:
    """Drop the stored counters (no row has them yet), tie jobs to items both ways, and let the sweep read items."""
    drops = ", ".join(f"drop column {name}" for name in COUNTS)
    run(f"""
    alter table batches {drops}, add column cancel_reason text;
    alter table batch_items add column tries int not null default 0,
      add constraint batch_items_started_job check (status <> 'started' or job_id is not null);
    drop index batch_items_of_job;
    create unique index batch_items_of_job on batch_items (tenant_id, job_id) where job_id is not null;
    create index batch_items_open on batch_items (tenant_id, batch_id) where status in ('pending', 'started');
    alter table jobs add column batch_item_no int,
      add constraint jobs_batch_item check (batch_item_no is null or batch_id is not null);
    create unique index jobs_of_batch_item on jobs (tenant_id, batch_id, batch_item_no) where batch_item_no is not null;
    create policy sweep_sees_all on batch_items for select to bidproof_sweep using (true);
    grant select (tenant_id, batch_id, item_no, status, job_id) on batch_items to bidproof_sweep;""")


def downgrade() -> None:
    """Take it all back; the counters begin at 0 again."""
    adds = ", ".join(f"add column {name} int not null default 0" for name in COUNTS)
    run(f"""
    drop policy if exists sweep_sees_all on batch_items; revoke all on batch_items from bidproof_sweep;
    drop index if exists jobs_of_batch_item;
    alter table jobs drop constraint if exists jobs_batch_item, drop column if exists batch_item_no;
    drop index if exists batch_items_open; drop index if exists batch_items_of_job;
    create index batch_items_of_job on batch_items (tenant_id, job_id) where job_id is not null;
    alter table batch_items drop constraint if exists batch_items_started_job, drop column if exists tries;
    alter table batches drop column if exists cancel_reason, {adds};""")
