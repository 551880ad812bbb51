"""The relay holds a lease on the events it sends, not a lock (spec W96)."""

from shared.adapters.postgres.migrations.ddl import run

revision, down_revision = "0012", "0011"
branch_labels = depends_on = None


def upgrade() -> None:
    """Add lease and last error to the outbox."""
    run("""
    alter table outbox_events add column lease_expires_at timestamptz, add column last_error text;
    grant update (lease_expires_at, last_error) on outbox_events to bidproof_relay;""")


def downgrade() -> None:
    """Drop the columns."""
    run("alter table outbox_events drop column if exists lease_expires_at, drop column if exists last_error;")
