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

    def queue_again(self, export_id: str, *, job_id: str) -> None:
        """failed -> queued for another job; raises Refused WF_STATE_TRANSITION_INVALID from any other state."""
        ...

    def forget_file(self, export_id: str) -> bool:
        """ready and past its time -> expired, without a file; False when it is not, or has none any more."""
        ...

    def fail(self, export_id: str, *, code: str) -> None:
        """queued -> failed with the code of its job."""
        ...
