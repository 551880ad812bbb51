"""The sweeps see which evaluations still have threads, to delete them 30 days after the end (spec W84)."""

from shared.adapters.postgres.migrations.ddl import run

revision, down_revision = "0015", "0014"
branch_labels = depends_on = None

SEEN = {"criterion_runs": "tenant_id, evaluation_id, thread_id", "checkpoints": "tenant_id, thread_id"}


def upgrade() -> None:
    """Let bidproof_sweep read the names of threads; what stands in them stays the tenant's."""
    for table, columns in SEEN.items():
        run(f"""create policy sweep_sees_all on {table} for select to bidproof_sweep using (true);
            grant select ({columns}) on {table} to bidproof_sweep;""")


def downgrade() -> None:
    """Take the rights back."""
    for table in SEEN:
        run(f"drop policy if exists sweep_sees_all on {table}; revoke all on {table} from bidproof_sweep;")
