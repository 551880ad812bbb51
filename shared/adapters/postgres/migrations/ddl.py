"""The column groups and the row-level security that every tenant table shares (spec D8, S51)."""

from alembic import op

TENANT = "tenant_id text not null default nullif(current_setting('app.tenant_id', true), '') collate \"C\""
BASE = f"""{TENANT},
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null default coalesce(nullif(current_setting('app.actor_id', true), ''), 'system'),
    trace_id text not null default coalesce(nullif(current_setting('app.trace_id', true), ''), repeat('0', 32))"""
MUTABLE = f"""{BASE},
    updated_at timestamptz not null default clock_timestamp(),
    updated_by text not null default coalesce(nullif(current_setting('app.actor_id', true), ''), 'system'),
    row_version bigint not null default 1"""
SOFT = f"""{MUTABLE},
    deleted_at timestamptz"""

APPEND_ONLY = "select, insert"
READ_WRITE = "select, insert, update"
FULL = "select, insert, update, delete"


def run(sql: str) -> None:
    """Execute one script of plain SQL, with the column groups filled in; a percent sign is just that."""
    for name, text in {"{TENANT}": TENANT, "{BASE}": BASE, "{MUTABLE}": MUTABLE, "{SOFT}": SOFT}.items():
        sql = sql.replace(name, text)
    op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})


def protect(grants: dict[str, str]) -> None:
    """Force row-level security on each table and grant the application role just what is named."""
    for table, rights in grants.items():
        run(f"""
        alter table {table} enable row level security;
        alter table {table} force row level security;
        create policy tenant_isolation on {table}
          using (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
          with check (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
        grant {rights} on {table} to bidproof_app;""")


def drop(*tables: str) -> None:
    """Drop the tables in the order given."""
    for table in tables:
        run(f"drop table if exists {table} cascade;")
