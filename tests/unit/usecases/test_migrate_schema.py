"""The schema of a stage: logins, tables of an owner without a login, upgraded once (spec S62, O80)."""

import os
from collections.abc import Iterator

import psycopg
import pytest

from infra.local.postgres import url_with
from shared.adapters.postgres.provision import LOGINS, OWNER, AdministeredSchema
from shared.domain.errors import Retryable
from shared.usecases.migrate_schema import MigrateSchema, migrate_schema

NAME = f"bidproof_test_provision_{os.getpid()}"


@pytest.fixture
def admin_url(server_url: str) -> Iterator[str]:
    """An empty database of the test server, as its administrator."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"drop database if exists {NAME} with (force)")
        connection.execute(f"create database {NAME}")
    yield url_with(server_url, database=NAME)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"drop database {NAME} with (force)")


def test_an_empty_database_gets_logins_and_tables_and_a_second_call_changes_nothing(admin_url: str) -> None:
    first = migrate_schema(MigrateSchema(), schema=AdministeredSchema(admin_url))
    again = migrate_schema(MigrateSchema(), schema=AdministeredSchema(admin_url))
    assert first.before is None
    assert again.before == again.after == first.after
    with psycopg.connect(admin_url) as connection:
        tables = connection.execute("select distinct tableowner from pg_tables where schemaname = 'public'").fetchall()
        owned = connection.execute(
            "select count(*) from pg_tables where tableowner = any(%s)", [list(LOGINS)]
        ).fetchone()
    assert tables == [(OWNER,)]
    assert owned == (0,)


def test_a_database_that_does_not_answer_is_a_retryable_failure() -> None:
    with pytest.raises(Retryable, match="database"):
        migrate_schema(MigrateSchema(), schema=AdministeredSchema("postgresql://nobody@127.0.0.1:1/none"))
