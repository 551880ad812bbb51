"""What the search index has acknowledged, and vectors by the hash of their text (spec D53, R56)."""

import json
from collections.abc import Mapping, Sequence

from shared.adapters.postgres.session import Session
from shared.domain.errors import Permanent


class IndexWrites:
    """The IndexWrites port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def generation(self, profile_id: str) -> int:
        """The tenant's active index generation, made on first use."""
        self._session.execute(
            """insert into index_generations (index_generation, embedding_profile_id, state)
               select 1, %(profile)s, 'active' where not exists (select from index_generations where state = 'active')
               on conflict do nothing""",
            profile=profile_id,
        )
        found = self._session.row(
            """select index_generation, embedding_profile_id from index_generations where state = 'active'
                order by index_generation desc limit 1"""
        )
        if found is None or found["embedding_profile_id"] != profile_id:
            raise Permanent("INDEX_DIMENSION_MISMATCH", "the index was made with another embedding profile; reindex")
        return int(found["index_generation"])

    def plan(self, parse_run_id: str, document_id: str, *, generation: int) -> None:
        """One pending row per chunk of the run; rows that exist stay as they are."""
        self._session.execute(
            """insert into index_writes (chunk_id, parse_run_id, index_generation, document_id, status)
               select chunk_id, parse_run_id, %(generation)s, %(document_id)s, 'pending' from chunks
                where parse_run_id = %(id)s
               on conflict do nothing""",
            id=parse_run_id,
            document_id=document_id,
            generation=generation,
        )

    def open(self, parse_run_id: str, *, generation: int) -> list[str]:
        """Ids of chunks that are pending or failed, in reading order."""
        rows = self._session.rows(
            """select w.chunk_id from index_writes w join chunks c using (tenant_id, parse_run_id, chunk_id)
                where w.parse_run_id = %(id)s and w.index_generation = %(generation)s and w.status <> 'acked'
                order by c.ordinal""",
            id=parse_run_id,
            generation=generation,
        )
        return [row["chunk_id"] for row in rows]

    def mark(
        self,
        parse_run_id: str,
        chunk_ids: Sequence[str],
        status: str,
        *,
        generation: int,
        error_code: str | None = None,
    ) -> None:
        """Set the rows to acked or failed, also of a generation that began after `plan`; a failed row is the repair
        task (D53)."""
        self._session.execute(
            """insert into index_writes as w (chunk_id, parse_run_id, index_generation, document_id, status, error_code)
               select chunk_id, parse_run_id, %(generation)s, document_id, %(status)s, %(error_code)s from chunks
                where parse_run_id = %(id)s and chunk_id = any (%(ids)s) order by chunk_id
               on conflict (tenant_id, parse_run_id, chunk_id, index_generation) do update
                 set status = excluded.status, error_code = excluded.error_code, updated_at = clock_timestamp(),
                     row_version = w.row_version + 1""",
            id=parse_run_id,
            ids=list(chunk_ids),
            status=status,
            generation=generation,
            error_code=error_code,
        )

    def acked(self, parse_run_id: str, *, generation: int) -> int:
        """How many chunks of the run are acknowledged."""
        found = self._session.row(
            """select count(*) as n from index_writes
                where parse_run_id = %(id)s and index_generation = %(generation)s and status = 'acked'""",
            id=parse_run_id,
            generation=generation,
        )
        return int(found["n"]) if found else 0

    def cached_vectors(self, profile_id: str, hashes: Sequence[str]) -> dict[str, list[float]]:
        """Vectors by hash of the embedded text, as far as they are known."""
        rows = self._session.rows(
            """select content_hash, vector::text as vector from embedding_cache
                where embedding_profile_id = %(profile)s and content_hash = any (%(hashes)s)""",
            profile=profile_id,
            hashes=list(hashes),
        )
        return {row["content_hash"]: json.loads(row["vector"]) for row in rows}

    def cache_vectors(self, profile_id: str, vectors: Mapping[str, Sequence[float]]) -> None:
        """Keep vectors by hash of the embedded text; in one order, so that parallel writers cannot deadlock."""
        self._session.many(
            """insert into embedding_cache (embedding_profile_id, content_hash, vector)
               values (%(profile)s, %(hash)s, %(vector)s::vector) on conflict do nothing""",
            [
                {"profile": profile_id, "hash": key, "vector": json.dumps([float(v) for v in vectors[key]])}
                for key in sorted(vectors)
            ],
        )
