"""Logins and tables of a database that an administrator's URL opens: the migration step of a deployment (spec S62)."""

from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from shared.adapters.postgres.migrate import migrate
from shared.domain.errors import Retryable

OWNER = "bidproof_owner"
LOGINS = ("bidproof_app", "bidproof_relay", "bidproof_dispatch", "bidproof_sweep", "bidproof_measure")
_LOCK = 0x6269_6471  # any number that only this module uses
_IAM = "rds_iam"  # whoever has this role signs in with a token of IAM (RDS user guide)


class AdministeredSchema:
    """The Schema port. The owner of all tables has no login: migrations take its role within the administrator's."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url

    def provision(self) -> None:
        """Owner, logins and pgvector; raises Retryable DEPENDENCY_UNAVAILABLE while the database does not answer."""
        try:
            with psycopg.connect(self._admin_url) as connection:
                connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
                known = {row[0] for row in connection.execute("select rolname from pg_roles")}
                for role in (OWNER, *LOGINS):
                    self._role(connection, role, known)
                connection.execute("create extension if not exists vector")
                grant = sql.SQL("grant usage, create on schema public to {}").format(sql.Identifier(OWNER))
                connection.execute(grant)
        except psycopg.OperationalError as error:
            raise Retryable("DEPENDENCY_UNAVAILABLE", "the database did not answer") from error

    def upgrade(self) -> tuple[str | None, str]:
        """(revision before, revision now)."""
        before = self._revision()
        migrate(self._as_owner())
        after = self._revision()
        assert after is not None
        return before, after

    def _role(self, connection: psycopg.Connection, role: str, known: set[str]) -> None:
        name = sql.Identifier(role)
        if role not in known:
            kind = sql.SQL("nologin" if role == OWNER else "login")
            connection.execute(sql.SQL("create role {} {}").format(name, kind))
        if role == OWNER:
            connection.execute(sql.SQL("grant {} to current_user").format(name))
        elif _IAM in known:
            connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(_IAM), name))

    def _revision(self) -> str | None:
        with psycopg.connect(self._admin_url) as connection:
            if connection.execute("select to_regclass('alembic_version')").fetchone() == (None,):
                return None
            row = connection.execute("select version_num from alembic_version").fetchone()
        return None if row is None else str(row[0])

    def _as_owner(self) -> str:
        parts = urlsplit(self._admin_url)
        option = f"options={quote(f'-c role={OWNER}')}"
        return urlunsplit(parts._replace(query=f"{parts.query}&{option}" if parts.query else option))
