"""The files of archives and what became of them (spec D47, W29)."""

from dataclasses import fields

from shared.adapters.postgres.session import Session
from shared.ports.archive_records import KeptEntry

COLUMNS = ", ".join(f.name for f in fields(KeptEntry))


class ArchiveEntries:
    """The ArchiveEntries port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, entry: KeptEntry) -> bool:
        """Insert the row; False when the entry has one already."""
        names = [f.name for f in fields(KeptEntry)]
        found = self._session.row(
            f"""insert into archive_entries ({COLUMNS}) values ({", ".join(f"%({name})s" for name in names)})
                on conflict (tenant_id, parent_id, entry_no) do nothing returning entry_no""",
            **{name: getattr(entry, name) for name in names},
        )
        return found is not None

    def has(self, parent_id: str, entry_no: int) -> bool:
        """Whether the entry has its row."""
        found = self._session.row(
            "select from archive_entries where parent_id = %(id)s and entry_no = %(entry_no)s",
            id=parent_id,
            entry_no=entry_no,
        )
        return found is not None

    def of(self, parent_id: str) -> list[KeptEntry]:
        """The files of the archive in their order, as far as they are known."""
        return self._session.all(
            KeptEntry,
            f"select {COLUMNS} from archive_entries where parent_id = %(id)s order by entry_no",
            id=parent_id,
        )
