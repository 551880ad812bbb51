"""Reviews that are reissued, asked for later and reminded of (spec W88, W92)."""

from shared.adapters.postgres.migrations.ddl import run

revision, down_revision = "0013", "0012"
branch_labels = depends_on = None


def upgrade() -> None:
    """Keep when the wait began and which reminder was sent last."""
    run("""
    alter table reviews add column opened_at timestamptz not null default clock_timestamp(),
      add column reminded_pct int not null default 0 check (reminded_pct between 0 and 100);
    grant select (opened_at, reminded_pct) on reviews to bidproof_sweep;""")


def downgrade() -> None:
    """Drop the columns."""
    run("alter table reviews drop column if exists opened_at, drop column if exists reminded_pct;")
