"""All that tables hold of a tenant or of the platform's releases, to see whether anything changed."""

import psycopg

from infra.local.postgres import Databases
from shared.domain.releases import PLATFORM_TENANT

_TABLES = """
select c.table_name from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
where c.column_name = 'tenant_id' and c.table_schema = 'public' and t.table_type = 'BASE TABLE'"""


def everything(databases: Databases, tenant_id: str) -> dict[str, list[str]]:
    """Every row of the tenant as text, by table."""
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (tenant_id,))
        names = [row[0] for row in connection.execute(_TABLES).fetchall()]
        return {
            name: sorted(
                row[0] for row in connection.execute(f"select t::text from {name} t where tenant_id = %s", (tenant_id,))
            )
            for name in names
        }


def of_releases(databases: Databases) -> dict[str, list[str]]:
    """Every row about releases, which have no tenant of their own, as text, by table."""
    names = ("releases", "release_steps", "release_replays", "replay_cases", "live_configurations", "work_switch")
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (PLATFORM_TENANT,))
        return {name: sorted(row[0] for row in connection.execute(f"select t::text from {name} t")) for name in names}


def changes(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, list[str]]:
    """What rows are new or gone, by table; nothing when nothing changed."""
    differing = {name: sorted(set(before[name]) ^ set(after[name])) for name in before}
    return {name: rows for name, rows in differing.items() if rows}
