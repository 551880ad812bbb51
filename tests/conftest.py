"""One PostgreSQL server for all workers, one fresh and migrated database for each."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from infra.local.embedded_server import start_server
from infra.local.local_secrets import ensure_secrets
from infra.local.postgres import (
    LOGINS,
    OWNER,
    PLATFORM_TABLES,
    Databases,
    build_schema,
    create_database,
    create_roles,
    url_with,
    urls,
)
from shared.adapters.postgres.migrate import MIGRATIONS

ROOT = Path(__file__).parents[1] / ".local" / "tests"
PASSWORDS = ("postgres", OWNER, *LOGINS)


@pytest.fixture(scope="session")
def server_url() -> str:
    """The superuser's URL of the shared server; DATABASE_URL may name another one, then as its superuser."""
    given = os.environ.get("DATABASE_URL")
    if given:
        return given
    return start_server(ROOT / "postgres", password=ensure_secrets(ROOT, PASSWORDS)["postgres"], durable=False)


@pytest.fixture(scope="session")
def database_template(server_url: str) -> str:
    """The name of a migrated database that is never connected to, only copied; made once per state of the schema."""
    sources = [*sorted(MIGRATIONS.rglob("*.py")), PLATFORM_TABLES, Path(build_schema.__code__.co_filename)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    name, unfinished = f"bidproof_template_{digest}", f"bidproof_unfinished_{digest}"
    passwords = ensure_secrets(ROOT, (OWNER, *LOGINS))
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext('bidproof template'))")
        create_roles(server_url, passwords)
        if not connection.execute("select from pg_database where datname = %s", [name]).rowcount:
            connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(unfinished)))
            create_database(server_url, unfinished)
            build_schema(url_with(server_url, database=unfinished), server_url, passwords)
            connection.execute(
                sql.SQL("alter database {} rename to {}").format(sql.Identifier(unfinished), sql.Identifier(name))
            )
        _drop_leftovers(connection)
    return name


@pytest.fixture(scope="session")
def databases(server_url: str, database_template: str) -> Iterator[Databases]:
    """The URLs of this worker's own database, one per role; the database is dropped at the end."""
    name = f"bidproof_test_{os.getpid()}"
    create_database(server_url, name, template=database_template)
    yield urls(server_url, name, ensure_secrets(ROOT, (OWNER, *LOGINS)))
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def own_databases(server_url: str, database_template: str, request: pytest.FixtureRequest) -> Iterator[Databases]:
    """A database of this module alone, for tests of what looks at the rows of every tenant."""
    from tests.records import close_pools

    name = f"bidproof_test_{request.module.__name__.rpartition('.')[2]}_{os.getpid()}"
    create_database(server_url, name, template=database_template)
    yield urls(server_url, name, ensure_secrets(ROOT, (OWNER, *LOGINS)))
    close_pools(name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _drop_leftovers(connection: psycopg.Connection) -> None:
    """Drop the databases of test processes that were killed."""
    rows = connection.execute("select datname from pg_database where datname like 'bidproof\\_test\\_%'").fetchall()
    for (name,) in rows:
        if not Path(f"/proc/{name.rpartition('_')[2]}").exists() and Path("/proc/self").exists():
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
