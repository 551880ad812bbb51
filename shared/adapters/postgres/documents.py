"""Documents and what a search can see of them (spec D47, R50)."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from shared.adapters.postgres.session import Session
from shared.domain.documents import Document
from shared.domain.errors import Refused
from shared.domain.file_types import ZIP
from shared.ports.document_records import DocumentCoverage

COLUMNS = ", ".join(f.name for f in fields(Document))
WRITTEN = [
    f.name for f in fields(Document) if f.name not in ("created_at", "updated_at", "row_version", "incomplete_pages")
]
FILTERS = frozenset({"project_id", "supplier_id", "doc_type", "status", "upload_id", "parent_id"})


class Documents:
    """The Documents port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, document: Document) -> Document:
        """Insert the row and return it as stored."""
        saved = self._session.first(
            Document,
            f"""insert into documents ({", ".join(WRITTEN)}) values ({", ".join(f"%({n})s" for n in WRITTEN)})
                returning {COLUMNS}""",
            **{name: getattr(document, name) for name in WRITTEN},
        )
        assert saved is not None
        return saved

    def get(self, document_id: str, *, lock: bool = False) -> Document:
        """The document; raises Refused DOC_NOT_FOUND."""
        found = self._session.first(
            Document,
            f"""select {COLUMNS} from documents where document_id = %(id)s and deleted_at is null
                {"for update" if lock else ""}""",
            id=document_id,
        )
        if found is None:
            raise Refused("DOC_NOT_FOUND")
        return found

    def by_project(self, project_id: str, *, supplier_id: str | None = None, tender: bool = True) -> list[Document]:
        """Oldest first: the supplier's documents and, with `tender`, those of no supplier."""
        return self._session.all(
            Document,
            f"""select {COLUMNS} from documents
                where project_id = %(project_id)s and deleted_at is null
                  and (supplier_id = %(supplier_id)s or (%(tender)s and supplier_id is null))
                order by document_id""",
            project_id=project_id,
            supplier_id=supplier_id,
            tender=tender,
        )

    def describe(self, document: Document, *, media_type: str, page_count: int | None) -> Document:
        """Store what inspection or survey found; raises Refused VERSION_CONFLICT."""
        saved = self._session.first(
            Document,
            f"""update documents set media_type = %(media_type)s, page_count = coalesce(%(page_count)s, page_count),
                  updated_at = clock_timestamp(), row_version = row_version + 1
                where document_id = %(id)s and row_version = %(version)s returning {COLUMNS}""",
            id=document.document_id,
            version=document.row_version,
            media_type=media_type,
            page_count=page_count,
        )
        if saved is None:
            raise Refused("VERSION_CONFLICT")
        return saved

    def coverage(
        self,
        project_id: str,
        *,
        supplier_id: str | None,
        tender: bool,
        doc_types: Sequence[str] = (),
        document_ids: Sequence[str] = (),
    ) -> list[DocumentCoverage]:
        """Every document of a search scope with its state; empty sequences mean all.

        An unpacked archive stands there as its files: those refused count as documents that cannot be read (P7)."""
        return self._session.all(
            DocumentCoverage,
            """with inside as (
                 select d.* from documents d
                  where d.project_id = %(project_id)s and d.deleted_at is null
                    and (d.supplier_id = %(supplier_id)s or (%(tender)s and d.supplier_id is null))
                    and (%(doc_types)s::text[] = '{}' or d.doc_type = any (%(doc_types)s)))
               select d.document_id, d.filename, d.doc_type, d.supplier_id, d.status, d.parse_run_id,
                      d.page_count as pages, d.incomplete_pages, coalesce(r.chunk_count, 0) as chunks
                 from inside d left join parse_runs r using (tenant_id, parse_run_id)
                where (%(document_ids)s::text[] = '{}' or d.document_id = any (%(document_ids)s))
                  and not (d.status = 'indexed' and d.media_type = %(archive)s)
               union all
               select p.document_id, p.filename || '/' || e.name, p.doc_type, p.supplier_id, 'refused', null,
                      null, '{}', 0
                 from inside p join archive_entries e
                   on e.tenant_id = p.tenant_id and e.parent_id = p.document_id and e.outcome = 'refused'
                where %(document_ids)s::text[] = '{}'
                   or exists (select from documents c where c.tenant_id = p.tenant_id and c.parent_id = p.document_id
                                and c.document_id = any (%(document_ids)s))
               order by 1, 2""",
            archive=ZIP,
            project_id=project_id,
            supplier_id=supplier_id,
            tender=tender,
            doc_types=list(doc_types),
            document_ids=list(document_ids),
        )

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Document]:
        """Newest first, ids below `before`."""
        if filters.keys() - FILTERS:
            raise ValueError(f"documents are filtered by {sorted(FILTERS)}")
        where = "".join(f" and {name} = %({name})s" for name in filters)
        return self._session.all(
            Document,
            f"""select {COLUMNS} from documents
                where deleted_at is null and (%(before)s::text is null or document_id < %(before)s){where}
                order by document_id desc limit %(limit)s""",
            before=before,
            limit=limit,
            **filters,
        )
