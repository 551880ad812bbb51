"""The database schema as a deployment sees it."""

from typing import Protocol


class Schema(Protocol):
    """Logins, extension and tables of one database."""

    def provision(self) -> None:
        """Create logins and extensions that are missing; repeatable.

        Raises Retryable DEPENDENCY_UNAVAILABLE while the database does not answer."""
        ...

    def upgrade(self) -> tuple[str | None, str]:
        """Bring the tables to the newest revision; return (revision before, revision now)."""
        ...
