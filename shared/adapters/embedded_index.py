"""The search index of one machine: BM25 in tantivy folders, exact vectors in PostgreSQL (spec R27, R32)."""

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from shared.adapters.term_folder import SCHEMA_VERSION, TermFolder
from shared.domain.errors import Refused
from shared.domain.retrieval import IndexEntry, KeptEntry, RankedId, Scope
from shared.domain.scoping import TENDER, best_per_chunk, check_tenant, index_name


class VectorRows(Protocol):
    """What this adapter needs of a session made for one tenant."""

    def rows(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """The rows of a query with named parameters."""
        ...

    def execute(self, query: str, **params: Any) -> int:
        """Run one statement and return the number of rows."""
        ...

    def many(self, query: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run one statement per row."""
        ...

    def transaction(self) -> AbstractContextManager[Any]:
        """All or nothing while open."""
        ...


class EmbeddedIndex:
    """One tenant's index below `root`; `generation` is the one that searches read (writes name their own).

    What is removed goes from every generation, or with `alone` from the one that is read."""

    def __init__(
        self,
        root: Path,
        session: VectorRows,
        *,
        tenant_id: str,
        profile_id: str,
        dimension: int = 384,
        generation: int = 1,
        alone: bool = False,
    ) -> None:
        self._folder = root / index_name(tenant_id) / f"schema{SCHEMA_VERSION}"
        self._session = session
        self._tenant_id = tenant_id
        self._profile_id = profile_id
        self._dimension = dimension
        self._generation = generation
        self._alone = alone

    def add(self, entries: Sequence[IndexEntry], *, generation: int) -> None:
        """Write vectors in one transaction, then terms in one commit; both replace what an entry id had."""
        for entry in entries:
            if entry.vector is not None:
                self._check_vector(entry.vector)
        rows = [self._row(entry, entry.vector, generation) for entry in entries if entry.vector is not None]
        if rows:
            with self._session.transaction():
                self._session.many(
                    """
                    INSERT INTO chunk_vectors (project_id, supplier_id, document_id, chunk_id, doc_type,
                                               embedding_profile_id, content_hash, vector, index_generation)
                    VALUES (%(project_id)s, %(supplier_id)s, %(document_id)s, %(entry_id)s, %(doc_type)s,
                            %(profile)s, %(content_hash)s, %(vector)s::vector, %(generation)s)
                    ON CONFLICT (tenant_id, project_id, index_generation, document_id, chunk_id, embedding_profile_id)
                    DO UPDATE
                       SET supplier_id = excluded.supplier_id, doc_type = excluded.doc_type,
                           content_hash = excluded.content_hash, vector = excluded.vector""",
                    rows,
                )
        if entries:
            self._terms(generation).add(entries)

    def remove_document(self, document_id: str) -> None:
        """Forget the document in every generation and its vectors."""
        for folder in self._written():
            folder.remove_document(document_id)
        with self._session.transaction():
            self._session.execute(
                """DELETE FROM chunk_vectors WHERE document_id = %(document_id)s
                      AND (%(only)s::bigint IS NULL OR index_generation = %(only)s)""",
                document_id=document_id,
                only=self._generation if self._alone else None,
            )

    def lexical(self, scope: Scope, terms: Sequence[str], codes: Sequence[str], *, limit: int) -> list[RankedId]:
        """BM25 over codes x3, headings x2, text x1."""
        check_tenant(scope, self._tenant_id)
        return self._terms(self._generation).search(scope, terms, codes, limit=limit)

    def nearest(self, scope: Scope, vector: Sequence[float], *, limit: int) -> list[RankedId]:
        """Exact cosine neighbours under the filter; the score is the cosine."""
        check_tenant(scope, self._tenant_id)
        self._check_vector(vector)
        with self._session.transaction():
            rows = self._session.rows(
                f"""
                SELECT split_part(chunk_id, '#', 1) COLLATE "C" AS chunk, document_id,
                       min(vector <=> %(vector)s::vector) AS distance
                  FROM chunk_vectors
                 WHERE tenant_id = %(tenant_id)s AND project_id = %(project_id)s
                   AND embedding_profile_id = %(profile)s AND index_generation = %(generation)s
                   AND (%(documents)s::text[] = '{{}}' OR document_id = ANY (%(documents)s))
                   AND (%(doc_types)s::text[] = '{{}}' OR doc_type = ANY (%(doc_types)s))
                   AND {_supplier_filter(scope)}
                 GROUP BY chunk, document_id ORDER BY distance, chunk LIMIT %(limit)s""",
                vector=_as_text(vector),
                tenant_id=self._tenant_id,
                project_id=scope.project_id,
                profile=self._profile_id,
                generation=self._generation,
                documents=list(scope.document_ids),
                doc_types=list(scope.doc_types),
                supplier_id=scope.supplier_id,
                tender_type=TENDER,
                limit=limit,
            )
        return best_per_chunk(((r["chunk"], r["document_id"], 1.0 - r["distance"]) for r in rows), limit=limit)

    def count(self, document_id: str) -> int:
        """How many chunks of the document the searched generation holds."""
        return self._terms(self._generation).count(document_id)

    def entries(self, document_id: str) -> dict[str, KeptEntry]:
        """Terms of the searched generation and vectors together; halves that do not agree have the hash ""."""
        terms = self._terms(self._generation).hashes(document_id)
        with self._session.transaction():
            rows = self._session.rows(
                """SELECT chunk_id, content_hash FROM chunk_vectors
                    WHERE document_id = %(document_id)s AND embedding_profile_id = %(profile)s
                      AND index_generation = %(generation)s""",
                document_id=document_id,
                profile=self._profile_id,
                generation=self._generation,
            )
        vectors = {row["chunk_id"]: row["content_hash"] for row in rows}
        kept = {
            key: KeptEntry(terms[key], key in vectors) for key in terms if vectors.get(key, terms[key]) == terms[key]
        }
        return {key: kept.get(key, KeptEntry("", key in vectors)) for key in sorted(terms.keys() | vectors.keys())}

    def remove(self, document_id: str, entry_ids: Sequence[str]) -> None:
        """Forget the entries in every generation, and their vectors."""
        for folder in self._written():
            folder.remove(document_id, entry_ids)
        with self._session.transaction():
            self._session.execute(
                """DELETE FROM chunk_vectors WHERE document_id = %(document_id)s AND chunk_id = ANY (%(ids)s)
                      AND (%(only)s::bigint IS NULL OR index_generation = %(only)s)""",
                document_id=document_id,
                ids=list(entry_ids),
                only=self._generation if self._alone else None,
            )

    def document_ids(self) -> list[str]:
        """Documents with terms in the searched generation or with vectors."""
        with self._session.transaction():
            rows = self._session.rows(
                "SELECT DISTINCT document_id FROM chunk_vectors WHERE index_generation = %(generation)s",
                generation=self._generation,
            )
        return sorted(self._terms(self._generation).document_ids() | {row["document_id"] for row in rows})

    def _written(self) -> list[TermFolder]:
        if self._alone:
            return [self._terms(self._generation)]
        return [TermFolder(folder) for folder in sorted(self._folder.glob("g*[0-9]"))]

    def _terms(self, generation: int) -> TermFolder:
        return TermFolder(self._folder / f"g{generation}")

    def _check_vector(self, vector: Sequence[float]) -> None:
        if len(vector) != self._dimension or not any(vector) or not all(map(math.isfinite, vector)):
            raise Refused(
                "INDEX_DIMENSION_MISMATCH",
                f"the profile {self._profile_id} has {self._dimension} dimensions, the vector {len(vector)}",
            )

    def _row(self, entry: IndexEntry, vector: Sequence[float], generation: int) -> dict[str, Any]:
        """The column chunk_id holds the entry id, so that views of one table keep a vector each."""
        return {
            "project_id": entry.project_id,
            "supplier_id": entry.supplier_id,
            "document_id": entry.document_id,
            "entry_id": entry.entry_id,
            "doc_type": entry.doc_type,
            "content_hash": entry.content_hash,
            "profile": self._profile_id,
            "vector": _as_text(vector),
            "generation": generation,
        }


def _supplier_filter(scope: Scope) -> str:
    """The SQL of scoping.admits for suppliers: fixed texts only, values stay parameters."""
    tender = "(doc_type = %(tender_type)s AND supplier_id IS NULL)"
    if scope.supplier_id is None:
        return tender if scope.tender else "supplier_id IS NULL"
    return f"(supplier_id = %(supplier_id)s OR {tender})" if scope.tender else "supplier_id = %(supplier_id)s"


def _as_text(vector: Sequence[float]) -> str:
    return "[" + ",".join(repr(float(value)) for value in vector) + "]"
