"""The files of archives and what became of them."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEntry:
    """A row of `archive_entries`. `outcome` is registered (with the document), refused (with the code) or ignored
    (what a file manager put there); `name` is the path in the archive, through archives in it."""

    parent_id: str
    entry_no: int
    name: str
    size_bytes: int
    outcome: str
    document_id: str | None = None
    error_code: str | None = None


class ArchiveEntries(Protocol):
    """One row per file of an archive, written once."""

    def add(self, entry: KeptEntry) -> bool:
        """Insert the row; False when the entry has one already."""
        ...

    def has(self, parent_id: str, entry_no: int) -> bool:
        """Whether the entry has its row."""
        ...

    def of(self, parent_id: str) -> list[KeptEntry]:
        """The files of the archive in their order, as far as they are known."""
        ...
