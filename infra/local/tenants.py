"""The demo tenant of one machine: one user per role, written as the owner of the tables (spec S15)."""

from dataclasses import dataclass

import psycopg

from shared.domain.ids import hash_id

ROLES = ("admin", "agent", "evaluator", "viewer", "auditor")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTenant:
    """Ids that stay the same on every machine; `subjects` and `user_ids` are by role."""

    tenant_id: str
    code: str
    user_ids: dict[str, str]
    subjects: dict[str, str]


def demo_tenant(code: str = "demo") -> DemoTenant:
    """The ids of a demo tenant; nothing is read or written."""
    return DemoTenant(
        tenant_id=hash_id("ten", code),
        code=code,
        user_ids={role: hash_id("usr", code, role) for role in ROLES},
        subjects={role: f"{code}-{role}" for role in ROLES},
    )


def ensure_tenant(
    owner_url: str, *, issuer: str, code: str = "demo", name: str = "Demo", tier: str = "pro"
) -> DemoTenant:
    """Create what is missing of the tenant, its users and their tenant-wide grants; safe to repeat.

    Row security is forced on the owner too, so the tenant is set like anybody else's."""
    tenant = demo_tenant(code)
    with psycopg.connect(owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (tenant.tenant_id,))
        connection.execute(
            """insert into tenants (tenant_id, code, name, status, tier) values (%s, %s, %s, 'active', %s)
               on conflict do nothing""",
            (tenant.tenant_id, code, name, tier),
        )
        for role in ROLES:
            _ensure_user(connection, tenant, role, issuer)
    return tenant


def _ensure_user(connection: psycopg.Connection, tenant: DemoTenant, role: str, issuer: str) -> None:
    connection.execute(
        """insert into users (user_id, issuer, subject, email, display_name, locale)
           values (%s, %s, %s, %s, %s, 'en') on conflict do nothing""",
        (
            tenant.user_ids[role],
            issuer,
            tenant.subjects[role],
            f"{role}@{tenant.code}.example",
            f"{tenant.code.capitalize()} {role}",
        ),
    )
    connection.execute(
        """insert into role_grants (grant_id, principal_id, role, scope) values (%s, %s, %s, 'tenant')
           on conflict do nothing""",
        (hash_id("grn", tenant.code, role), tenant.user_ids[role], role),
    )
