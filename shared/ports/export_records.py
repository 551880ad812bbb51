"""Exports in the tenant's rows (spec D69)."""

from typing import Protocol

from shared.domain.exports import Export


class Exports(Protocol):
    """Rows of `exports`."""

    def add(self, export: Export) -> Export:
        """Insert a queued export."""
        ...

    def get(self, export_id: str) -> Export:
        """The export, expired as soon as the database's clock says so; raises Refused EXPORT_NOT_FOUND."""
        ...

    def ready(self, export_id: str, *, object_key: str, object_version: str, sha256: str, size_bytes: int) -> None:
        """queued -> ready for 7 days from now."""
        ...

    def fail(self, export_id: str, *, code: str) -> None:
        """queued -> failed with the code of its job."""
        ...
