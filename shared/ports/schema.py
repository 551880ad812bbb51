"""The database schema as a deployment sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTenant:
    """A tenant that is made from outside."""

    tenant_id: str
    code: str
    name: str
    tier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstUser:
    """A person or machine with tenant-wide roles; `subject` is what the issuer's tokens call it."""

    user_id: str
    subject: str
    roles: tuple[str, ...]


class Schema(Protocol):
    """Logins, extension and tables of one database."""

    def provision(self) -> None:
        """Create logins and extensions that are missing; repeatable.

        Raises Retryable DEPENDENCY_UNAVAILABLE while the database does not answer."""
        ...

    def upgrade(self) -> tuple[str | None, str]:
        """Bring the tables to the newest revision; return (revision before, revision now)."""
        ...

    def enroll(self, tenant: FirstTenant, *, issuer: str, people: Sequence[FirstUser]) -> None:
        """Create what is missing of the tenant, its users and grants; what is there stays as it is."""
        ...
