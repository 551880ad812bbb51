"""Make a tenant and the people who may act in it, before there is anybody who could be asked (spec S11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.domain.ids import hash_id
from shared.ports.schema import FirstTenant, FirstUser, Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollTenant:
    """`people`: role -> subject of the issuer's tokens, one for each role; `code` is unique in the stage."""

    code: str
    name: str
    tier: str
    issuer: str
    people: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledTenant:
    """The tenant's id, which is made of its code; `users` by subject."""

    tenant_id: str
    users: Mapping[str, str]


def enroll_tenant(command: EnrollTenant, *, schema: Schema) -> EnrolledTenant:
    """Create what is missing of tenant, users and tenant-wide grants; nothing that is there is changed or removed.

    Raises Retryable DEPENDENCY_UNAVAILABLE while the database does not answer."""
    tenant_id = hash_id("ten", command.code)
    people: Sequence[FirstUser] = [
        FirstUser(user_id=hash_id("usr", command.code, subject), subject=subject, roles=(role,))
        for role, subject in command.people.items()
    ]
    schema.enroll(
        FirstTenant(tenant_id=tenant_id, code=command.code, name=command.name, tier=command.tier),
        issuer=command.issuer,
        people=people,
    )
    return EnrolledTenant(tenant_id=tenant_id, users={user.subject: user.user_id for user in people})
