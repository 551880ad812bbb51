"""The first people of a tenant are written once; what was changed since stays as it is."""

import psycopg

from infra.local.postgres import Databases
from shared.adapters.postgres.provision import AdministeredSchema
from shared.usecases.enroll_tenant import EnrollTenant, enroll_tenant
from tests.records import make_records

ISSUER = "https://issuer.example"
COMMAND = EnrollTenant(
    code="enrolled",
    name="Enrolled",
    tier="enterprise",
    issuer=ISSUER,
    people={"agent": "machine-1", "admin": "machine-2"},
)


def test_a_tenant_gets_its_people_with_their_roles_and_a_repeat_gives_nothing_back(
    databases: Databases, server_url: str
) -> None:
    admin = databases.owner_url  # of the tables: the role option of AdministeredSchema names the same login
    made = enroll_tenant(COMMAND, schema=AdministeredSchema(admin))
    records = make_records(databases, tenant=made.tenant_id)
    found = records.users.identity(ISSUER, "machine-1")
    assert found is not None and found.tenant.status == "active"
    assert {grant.role for grant in found.grants} == {"agent"}
    with psycopg.connect(admin) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", [made.tenant_id])
        connection.execute("update role_grants set revoked_at = now() where role = 'admin'")
    assert enroll_tenant(COMMAND, schema=AdministeredSchema(admin)) == made
    after = records.users.identity(ISSUER, "machine-2")
    assert after is not None and not after.grants
