"""Whose turn it is: the fair queue remembers when each tenant was served last (spec W121)."""

from shared.adapters.postgres.migrations.ddl import drop, protect, run

revision, down_revision = "0011", "0010"
branch_labels = depends_on = None


def upgrade() -> None:
    """Create the turns; they hold ids and times only."""
    run("""
    create table dispatch_turns (
      tenant_id text not null, lane text not null, served_at timestamptz not null, primary key (tenant_id, lane));
    """)
    protect({"dispatch_turns": "select"})
    run("""
    create policy dispatch_takes_turns on dispatch_turns to bidproof_dispatch using (true) with check (true);
    grant select, insert, update on dispatch_turns to bidproof_dispatch;""")


def downgrade() -> None:
    """Drop the turns."""
    drop("dispatch_turns")
