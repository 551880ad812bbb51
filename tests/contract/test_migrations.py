"""The schema goes up, down and up again, and no tenant table shows or takes a row without its tenant."""

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from infra.local.postgres import Databases, create_database, url_with
from shared.adapters.postgres.migrate import downgrade, migrate

TENANT_TABLES = """
    select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
     where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace order by 1"""
REQUIRED_COLUMNS = """
    select a.attname, format_type(a.atttypid, a.atttypmod)
      from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = %s::regclass and a.attnum > 0 and a.attnotnull and d.oid is null
       and not a.attisdropped and a.attname <> 'tenant_id'"""


@pytest.fixture(scope="module")
def scratch(server_url: str, database_template: str, databases: Databases) -> Iterator[Databases]:
    """A database of this module alone."""
    name = f"bidproof_test_migrations_{os.getpid()}"
    create_database(server_url, name, template=database_template)
    yield Databases(
        owner_url=url_with(databases.owner_url, database=name),
        app_url=url_with(databases.app_url, database=name),
        relay_url=url_with(databases.relay_url, database=name),
        dispatch_url=url_with(databases.dispatch_url, database=name),
        sweep_url=url_with(databases.sweep_url, database=name),
        platform_url=url_with(databases.platform_url, database=name),
    )
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def planted(scratch: Databases, server_url: str) -> list[str]:
    """One row of tenant ten_one in every tenant table, put there past every check and key."""
    superuser = url_with(server_url, database=scratch.app_url.rpartition("?")[0].rpartition("/")[2])
    with psycopg.connect(superuser) as connection:
        connection.execute("set session_replication_role = replica")
        tables = [row[0] for row in connection.execute(TENANT_TABLES)]
        for table in tables:
            _plant(connection, table)
    return tables


def _plant(connection: psycopg.Connection, table: str) -> None:
    checks = connection.execute(
        "select conname from pg_constraint where contype = 'c' and conrelid = %s::regclass", [table]
    ).fetchall()
    for (name,) in checks:
        connection.execute(
            sql.SQL("alter table {} drop constraint {}").format(sql.Identifier(table), sql.Identifier(name))
        )
    columns = connection.execute(REQUIRED_COLUMNS, [table]).fetchall()
    names = [sql.Identifier("tenant_id"), *(sql.Identifier(name) for name, _ in columns)]
    values = [sql.Literal("ten_one"), *(sql.SQL(_some(kind)) for _, kind in columns)]
    connection.execute(
        sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(table), sql.SQL(", ").join(names), sql.SQL(", ").join(values)
        )
    )


def _some(kind: str) -> str:
    if kind.startswith("vector"):
        return "array_fill(1, array[384])::vector"
    if kind.endswith("[]"):
        return f"'{{}}'::{kind}"
    if kind.startswith("timestamp"):
        return "clock_timestamp()"
    return {"jsonb": "'{}'::jsonb", "boolean": "true", "bytea": "'x'::bytea", "text": "'x'"}.get(kind, f"1::{kind}")


def _schema(url: str) -> list[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute("""
            select table_name::text, column_name::text, data_type::text, coalesce(column_default, ''), is_nullable::text
              from information_schema.columns where table_schema = 'public' order by 1, 2""").fetchall()


def test_migrations_go_up_down_and_up_again(server_url: str, databases: Databases) -> None:
    name = f"bidproof_test_steps_{os.getpid()}"
    create_database(server_url, name)
    owner = url_with(databases.owner_url, database=name)
    with psycopg.connect(url_with(server_url, database=name)) as connection:
        connection.execute("create extension vector")
    try:
        migrate(owner)
        first = _schema(owner)
        downgrade(owner)
        left = {row[0] for row in _schema(owner)}
        migrate(owner)
        assert len({row[0] for row in first}) > 40
        assert left == {"alembic_version"}
        assert _schema(owner) == first
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_migrating_a_migrated_database_changes_nothing(databases: Databases) -> None:
    before = _schema(databases.owner_url)
    migrate(databases.owner_url)
    assert _schema(databases.owner_url) == before


def test_the_application_role_owns_nothing(databases: Databases) -> None:
    with psycopg.connect(databases.app_url) as connection:
        owned = connection.execute("select count(*) from pg_class where relowner = 'bidproof_app'::regrole").fetchone()
        flags = connection.execute(
            "select rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname = current_user"
        ).fetchone()
    assert owned == (0,)
    assert flags == (False, False, False)


def test_every_tenant_table_forces_row_level_security(databases: Databases) -> None:
    with psycopg.connect(databases.owner_url) as connection:
        tables = {row[0] for row in connection.execute(TENANT_TABLES)}
        forced = {
            row[0]
            for row in connection.execute("select relname from pg_class where relrowsecurity and relforcerowsecurity")
        }
    assert tables
    assert tables <= forced


def test_without_a_tenant_no_table_shows_a_row(scratch: Databases, planted: list[str]) -> None:
    with psycopg.connect(scratch.app_url) as connection:
        for table in planted:
            assert _count(connection, table) == 0, table


def test_a_tenant_sees_its_own_rows_and_no_others(scratch: Databases, planted: list[str]) -> None:
    for tenant, expected in (("ten_one", 1), ("ten_two", 0)):
        with psycopg.connect(scratch.app_url) as connection:
            connection.execute("select set_config('app.tenant_id', %s, true)", [tenant])
            for table in planted:
                assert _count(connection, table) == expected, table


@pytest.mark.parametrize("tenant", ["", "ten_two"])
def test_a_row_of_another_tenant_is_refused_everywhere(scratch: Databases, planted: list[str], tenant: str) -> None:
    with psycopg.connect(scratch.app_url, autocommit=True) as connection:
        connection.execute("select set_config('app.tenant_id', %s, false)", [tenant])
        for table in planted:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(
                    sql.SQL("insert into {} (tenant_id) values ('ten_one')").format(sql.Identifier(table))
                )


def _count(connection: psycopg.Connection, table: str) -> int:
    row = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])
