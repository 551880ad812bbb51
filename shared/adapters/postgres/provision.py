"""Logins and tables of a database that an administrator's URL opens: the migration step of a deployment (spec S62)."""

from collections.abc import Sequence
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from shared.adapters.postgres.migrate import migrate
from shared.domain.errors import Retryable
from shared.domain.ids import hash_id
from shared.ports.schema import FirstTenant, FirstUser

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

    def enroll(self, tenant: FirstTenant, *, issuer: str, people: Sequence[FirstUser]) -> None:
        """As the owner, on whom row security is forced too: the tenant is set like anybody else's."""
        try:
            with psycopg.connect(self._as_owner()) as connection:
                connection.execute("select set_config('app.tenant_id', %s, true)", [tenant.tenant_id])
                connection.execute(
                    """insert into tenants (tenant_id, code, name, status, tier) values (%s, %s, %s, 'active', %s)
                       on conflict do nothing""",
                    [tenant.tenant_id, tenant.code, tenant.name, tenant.tier],
                )
                for user in people:
                    _enroll_user(connection, user, issuer)
        except psycopg.OperationalError as error:
            raise Retryable("DEPENDENCY_UNAVAILABLE", "the database did not answer") from error

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


def _enroll_user(connection: psycopg.Connection, user: FirstUser, issuer: str) -> None:
    connection.execute(
        """insert into users (user_id, issuer, subject, email, display_name, locale)
           values (%s, %s, %s, '', %s, 'en') on conflict do nothing""",
        [user.user_id, issuer, user.subject, user.subject],
    )
    for role in user.roles:
        connection.execute(
            """insert into role_grants (grant_id, principal_id, role, scope) values (%s, %s, %s, 'tenant')
               on conflict do nothing""",
            [hash_id("grn", user.user_id, role), user.user_id, role],
        )
