"""The demo tenant, and what a request reads of tenant and person (spec S11, S15)."""

from infra.local.postgres import Databases
from infra.local.tenants import ROLES, demo_tenant, ensure_tenant
from shared.adapters.postgres.records import PostgresRecords
from tests.records import ids, make_records

ISSUER = "https://issuer.test"


def tenant_records(databases: Databases, tenant_id: str) -> PostgresRecords:
    return make_records(databases, tenant_id)


def test_a_demo_tenant_is_made_once_with_one_person_per_role(databases: Databases) -> None:
    code = ids.new("ten")
    first = ensure_tenant(databases.owner_url, issuer=ISSUER, code=code)
    assert ensure_tenant(databases.owner_url, issuer=ISSUER, code=code) == first == demo_tenant(code)
    users = tenant_records(databases, first.tenant_id).users
    for role in ROLES:
        identity = users.identity(ISSUER, first.subjects[role])
        assert identity is not None and identity.user is not None and identity.tenant_status == "active"
        assert [(grant.role, grant.scope, grant.project_id) for grant in identity.grants] == [(role, "tenant", None)]


def test_unknown_people_and_tenants_are_told_apart(databases: Databases) -> None:
    tenant = ensure_tenant(databases.owner_url, issuer=ISSUER, code=ids.new("ten"))
    users = tenant_records(databases, tenant.tenant_id).users
    for issuer, subject in ((ISSUER, "nobody"), ("https://other", tenant.subjects["admin"])):
        identity = users.identity(issuer, subject)
        assert identity is not None and identity.user is None and identity.grants == ()
    assert tenant_records(databases, ids.new("ten")).users.identity(ISSUER, tenant.subjects["admin"]) is None


def test_settings_of_the_tenant_stand_over_the_defaults(databases: Databases) -> None:
    tenant = ensure_tenant(databases.owner_url, issuer=ISSUER, code=ids.new("ten"), tier="basic")
    records = tenant_records(databases, tenant.tenant_id)
    defaults = records.users.tenant_settings()
    assert (defaults["review_wait_seconds"], defaults["max_running_jobs"]) == (86400, 5)
    own = make_records(databases).users.tenant_settings()
    assert own["max_running_jobs"] == 40
