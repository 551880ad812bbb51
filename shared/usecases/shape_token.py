"""Say which tenant an access token is for: the issuer knows people, and Bidproof knows tenants (spec S1, S7)."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.errors import Refused
from shared.domain.ids import is_id

SCOPE = "tenants/"  # a machine's right to a tenant, as the resource server of the user pool calls it


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeToken:
    """`tenant_id` as an administrator wrote it to a person's account; `scopes` as granted to a machine."""

    tenant_id: str | None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapedToken:
    """Claims that the issuer adds to the access token."""

    claims: Mapping[str, str]


def shape_token(command: ShapeToken) -> ShapedToken:
    """Name the one tenant of the token.

    Raises Refused AUTH_UNAUTHORIZED without a tenant, with one that is no id, or with several (S14)."""
    named = [command.tenant_id] if command.tenant_id is not None else []
    named += [scope.removeprefix(SCOPE) for scope in command.scopes if scope.startswith(SCOPE)]
    if len(named) != 1 or not is_id(named[0], "ten"):
        raise Refused("AUTH_UNAUTHORIZED", "the account is of no tenant")
    return ShapedToken(claims={"tenant_id": named[0]})
