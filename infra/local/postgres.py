"""The database of one machine: an embedded server or a given one, its roles, its schema and the platform's tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from infra.local.embedded_server import is_running, start_server
from infra.local.local_secrets import ensure_secrets
from shared.adapters.postgres.migrate import migrate

OWNER = "bidproof_owner"
LOGINS: tuple[str, ...] = ("bidproof_app", "bidproof_relay", "bidproof_dispatch", "bidproof_sweep")
LOGINS += ("bidproof_measure", "bidproof_platform")
DATABASE = "bidproof"
PLATFORM_TABLES = Path(__file__).with_name("tables.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """One URL per role: who owns the schema, works for a tenant, relays, dispatches, sweeps, and plays AWS."""

    owner_url: str
    app_url: str
    relay_url: str
    dispatch_url: str
    sweep_url: str
    platform_url: str


def ensure_database(root: Path, server_url: str | None = None) -> Databases:
    """Bring up the database under the data folder `root` and return its URLs; safe to repeat and to run twice at once.

    `server_url` (setting DATABASE_URL) names the database of another PostgreSQL >= 15 with pgvector instead; its role
    must be able to create roles and schemas. Passwords are kept in `root`/secrets.json.
    """
    if server_url is not None:
        passwords = ensure_secrets(root, LOGINS)
        create_roles(server_url, passwords)
        return build_schema(server_url, server_url, passwords)
    superuser_url, passwords = _start(root)
    create_roles(superuser_url, passwords)
    create_database(superuser_url, DATABASE)
    return build_schema(url_with(superuser_url, database=DATABASE), superuser_url, passwords)


def restart_server(root: Path) -> Databases | None:
    """Start the embedded server of the data folder again if it died and return its URLs; None while it runs.

    Raises ServerDown when it does not come up."""
    if is_running(root / "postgres"):
        return None
    superuser_url, passwords = _start(root)
    return urls(superuser_url, DATABASE, passwords)


def _start(root: Path) -> tuple[str, dict[str, str]]:
    passwords = ensure_secrets(root, ("postgres", OWNER, *LOGINS))
    return start_server(root / "postgres", password=passwords.pop("postgres")), passwords


def create_roles(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Create the logins that are missing and give every one its password."""
    with psycopg.connect(admin_url) as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('bidproof roles'))")
        for role, password in passwords.items():
            known = connection.execute("select from pg_roles where rolname = %s", [role]).rowcount
            verb = sql.SQL("alter role" if known else "create role")
            connection.execute(
                sql.SQL("{} {} login password {}").format(verb, sql.Identifier(role), sql.Literal(password))
            )


def create_database(admin_url: str, name: str, *, template: str = "template1") -> None:
    """Create the database for the owner role when it is missing; it is a copy of the template."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext('bidproof databases'))")
        if not connection.execute("select from pg_database where datname = %s", [name]).rowcount:
            connection.execute(
                sql.SQL("create database {} owner {} template {}").format(
                    sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)
                )
            )


def build_schema(admin_url: str, server_url: str, passwords: Mapping[str, str]) -> Databases:
    """Migrate the admin URL's database, create the platform's tables in it and return the URLs of its roles."""
    database = urlsplit(admin_url).path.lstrip("/")
    databases = urls(server_url, database, passwords)
    with psycopg.connect(admin_url) as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('bidproof schema'))")
        connection.execute("create extension if not exists vector")
        connection.execute("create schema if not exists local_platform")
        connection.execute("grant usage, create on schema local_platform to bidproof_platform")
    migrate(databases.owner_url)
    with psycopg.connect(databases.platform_url) as connection:
        connection.execute(PLATFORM_TABLES.read_bytes())
    return databases


def urls(server_url: str, database: str, passwords: Mapping[str, str]) -> Databases:
    """Write the URLs of all roles in one database; without an owner's password the server's own role is the owner."""

    def login(role: str) -> str:
        return url_with(server_url, database=database, user=role, password=passwords[role])

    return Databases(
        owner_url=login(OWNER) if OWNER in passwords else url_with(server_url, database=database),
        app_url=login("bidproof_app"),
        relay_url=login("bidproof_relay"),
        dispatch_url=login("bidproof_dispatch"),
        sweep_url=login("bidproof_sweep"),
        platform_url=login("bidproof_platform"),
    )


def url_with(url: str, *, database: str | None = None, user: str | None = None, password: str = "") -> str:
    """Change database, or user and password, of a PostgreSQL URL; host, port and options stay."""
    parts = urlsplit(url)
    netloc, path = parts.netloc, parts.path
    if user is not None:
        netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{netloc.rpartition('@')[2]}"
    if database is not None:
        path = f"/{database}"
    return urlunsplit((parts.scheme, netloc, path, parts.query, parts.fragment))
