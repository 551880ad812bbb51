"""One PostgreSQL server for all workers, one fresh and migrated database for each."""

import fcntl
import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from infra.local.embedded_server import start_server, stop_server
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
CONNECTIONS = 400  # of the shared server
# How long an example takes, or takes to be made, says how busy the machine is and nothing about the product.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
# Files of these folders hold few and long tests: begun first, none of them is left alone at the end.
LONG = {"chaos": 0, "workflow": 0, "failures": 1, "infra": 1, "contract": 2}


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it puts into the background deaf to Ctrl-C, and our children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files; the tests of a file stay in theirs."""
    here = Path(__file__).parent
    items.sort(key=lambda item: LONG.get(item.path.relative_to(here).parts[0], 3))


@pytest.fixture(scope="session")
def server_url() -> str:
    """The superuser's URL of the shared server; DATABASE_URL may name another one, then as its superuser."""
    given = os.environ.get("DATABASE_URL")
    if given:
        return given
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / "postgres.lock").open("w") as lock:  # the workers come one after the other
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _with_connections(CONNECTIONS)


def _with_connections(wanted: int) -> str:
    """The server, started once more when it allows fewer connections: every worker has pools of all roles."""
    folder, password = ROOT / "postgres", ensure_secrets(ROOT, PASSWORDS)["postgres"]
    url = start_server(folder, password=password, durable=False)
    with psycopg.connect(url, autocommit=True) as connection:
        allowed = connection.execute("select current_setting('max_connections')::int").fetchone()
        if allowed and allowed[0] >= wanted:
            return url
        connection.execute(sql.SQL("alter system set max_connections = {}").format(wanted))
    stop_server(folder)
    return start_server(folder, password=password, durable=False)


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
