"""Whose turn it is: the fair queue finds the next job by an index and remembers whom it served last (spec W121)."""

from shared.adapters.postgres.migrations.ddl import drop, protect, run

revision, down_revision = "0011", "0010"
branch_labels = depends_on = None

# Priority plus one per minute waited orders like priority * 60 minus the second of acceptance, which never changes.
# Ids are compared byte by byte (D22): with the database's own order no index of runs would serve a join with jobs.
TURNS = """
alter table runs alter column job_id type text collate "C";
create table dispatch_turns (
  tenant_id text not null, lane text not null, served_at timestamptz not null, primary key (tenant_id, lane));
alter table jobs add column turn double precision not null default - extract(epoch from clock_timestamp());
update jobs set turn = priority * 60 - extract(epoch from created_at);
create index jobs_turn on jobs (lane, tenant_id, turn desc) where status = 'queued';
create index runs_at_work on runs (tenant_id, job_id) where status = 'started';
"""


def upgrade() -> None:
    """Create turns and indexes; the turns hold ids and times only."""
    run(TURNS)
    protect({"dispatch_turns": "select"})
    run("""
    create policy dispatch_takes_turns on dispatch_turns to bidproof_dispatch using (true) with check (true);
    grant select, insert, update on dispatch_turns to bidproof_dispatch;
    grant select (turn) on jobs to bidproof_dispatch;""")


def downgrade() -> None:
    """Drop them."""
    run("""alter table runs alter column job_id type text collate "default";
        drop index if exists runs_at_work; drop index if exists jobs_turn;
        alter table jobs drop column if exists turn;""")
    drop("dispatch_turns")
