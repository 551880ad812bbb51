"""Users, their grants and the tenant's own row."""

from typing import Any

from shared.adapters.postgres.session import Session
from shared.domain.executions import TENANT_SLOTS
from shared.domain.project_rows import Grant, Identity, Tenant, User

TENANT_DEFAULTS: dict[str, Any] = {
    "review_wait_seconds": 86400,
    "retention_days": 180,
    "session_minutes": 60,
    "require_mfa": False,
    "allowed_ip_ranges": [],
    "approval_votes": 1,
    "extra_approval_actions": [],
    "default_locale": "en",
    "time_zone": "UTC",
    "suggestion_visibility": "after_own_sheet",
    "overdraft_pct": 0,
}


class Users:
    """The Users port; row security shows just the session's tenant."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def identity(self, issuer: str, subject: str) -> Identity | None:
        """Tenant, person and live grants in one query, because every request needs all three."""
        row = self._session.row(
            """
            select t.tenant_id, t.code, t.name, t.status, t.tier, t.settings, u.user_id, u.issuer, u.subject, u.email,
                u.display_name, u.locale, u.is_active,
                coalesce((select jsonb_agg(jsonb_build_object('role', role, 'scope', scope, 'project_id', project_id)
                        order by grant_id)
                    from role_grants g where g.principal_id = u.user_id and g.revoked_at is null), '[]') as grants
              from tenants t left join users u on u.tenant_id = t.tenant_id and u.issuer = %(issuer)s
                and u.subject = %(subject)s""",
            issuer=issuer,
            subject=subject,
        )
        if row is None:
            return None
        grants = tuple(Grant(**grant) for grant in row.pop("grants"))
        tenant = Tenant(**{name: row[name] for name in Tenant.__dataclass_fields__})
        known = row["user_id"] is not None
        user = User(**{name: row[name] for name in User.__dataclass_fields__}) if known else None
        return Identity(tenant=tenant, user=user, grants=grants)

    def tenant_settings(self) -> dict[str, Any]:
        """The tenant's settings with the defaults of 01 section 4.1 filled in."""
        row = self._session.row("select tier, settings from tenants")
        own = dict(row["settings"]) if row else {}
        limit = TENANT_SLOTS[row["tier"] if row else "free"]
        return {**TENANT_DEFAULTS, "max_running_jobs": limit, **own}
