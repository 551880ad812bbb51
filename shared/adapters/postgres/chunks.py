"""Chunks and their positions (spec D50, D51)."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from shared.adapters.postgres.block_rows import box_of
from shared.adapters.postgres.index_generations import GenerationRows
from shared.adapters.postgres.index_writes import IndexWrites
from shared.adapters.postgres.session import Session
from shared.domain.chunks import Chunk, Position
from shared.domain.errors import Refused

WRITTEN = [f.name for f in fields(Chunk) if f.name != "positions"]
_SELECT = f"""select {", ".join(f"c.{name}" for name in WRITTEN)}, p.places
  from chunks c left join lateral (
    select json_agg(json_build_array(page_no, x0, y0, x1, y1, char_start, char_end, locator) order by ordinal) as places
      from chunk_positions p where p.parse_run_id = c.parse_run_id and p.chunk_id = c.chunk_id) p on true"""
_CURRENT = "join documents d on d.document_id = c.document_id and d.parse_run_id = c.parse_run_id"
_LIVE = "d.deleted_at is null"


class Chunks:
    """The Chunks port."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.writes = IndexWrites(session)
        self.generations = GenerationRows(session)

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Insert chunks and positions; those that exist stay."""
        with self._session.transaction():
            self._session.many(
                f"""insert into chunks ({", ".join(WRITTEN)}) values ({", ".join(f"%({name})s" for name in WRITTEN)})
                    on conflict do nothing""",
                [_row(chunk) for chunk in chunks],
            )
            self._session.many(
                """insert into chunk_positions (parse_run_id, chunk_id, ordinal, page_no, x0, y0, x1, y1, char_start,
                       char_end, locator)
                   values (%(parse_run_id)s, %(chunk_id)s, %(ordinal)s, %(page)s, %(x0)s, %(y0)s, %(x1)s, %(y1)s,
                       %(start)s, %(end)s, %(locator)s)
                   on conflict do nothing""",
                [_place(chunk, n, position) for chunk in chunks for n, position in enumerate(chunk.positions)],
            )

    def count(self, parse_run_id: str) -> int:
        """How many chunks the run has."""
        found = self._session.row("select count(*) as n from chunks where parse_run_id = %(id)s", id=parse_run_id)
        return int(found["n"]) if found else 0

    def of_run(self, parse_run_id: str, chunk_ids: Sequence[str] | None = None) -> list[Chunk]:
        """The run's chunks in reading order, all or the ones named."""
        return self._read(
            "where c.parse_run_id = %(id)s and (%(ids)s::text[] is null or c.chunk_id = any (%(ids)s))",
            id=parse_run_id,
            ids=None if chunk_ids is None else list(chunk_ids),
        )

    def get(self, chunk_id: str, *, parse_run_id: str | None = None) -> Chunk:
        """The chunk of that run, else of its document's current run; raises Refused CHUNK_NOT_FOUND."""
        found = self.texts([chunk_id]) if parse_run_id is None else self.of_run(parse_run_id, [chunk_id])
        if not found:
            raise Refused("CHUNK_NOT_FOUND")
        return found[0]

    def texts(self, chunk_ids: Sequence[str]) -> list[Chunk]:
        """Chunks of the current runs of live documents, in the order asked for; unknown ids are left out."""
        found = self._read(f"{_CURRENT} where c.chunk_id = any (%(ids)s) and {_LIVE}", ids=list(chunk_ids))
        by_id = {chunk.chunk_id: chunk for chunk in found}
        return [by_id[chunk_id] for chunk_id in chunk_ids if chunk_id in by_id]

    def on_page(self, document_id: str, *, page: int | None = None, chunk_type: str | None = None) -> list[Chunk]:
        """Chunks of the document's current run, all or those with a position on the page."""
        return self._read(
            f"""{_CURRENT} where c.document_id = %(document_id)s and {_LIVE}
                and (%(chunk_type)s::text is null or c.chunk_type = %(chunk_type)s)
                and (%(page)s::int is null or exists (select from chunk_positions q
                  where q.parse_run_id = c.parse_run_id and q.chunk_id = c.chunk_id and q.page_no = %(page)s))""",
            document_id=document_id,
            chunk_type=chunk_type,
            page=page,
        )

    def _read(self, where: str, **params: Any) -> list[Chunk]:
        rows = self._session.rows(f"{_SELECT} {where} order by c.document_id, c.ordinal", **params)
        return [_chunk(row) for row in rows]


def _row(chunk: Chunk) -> dict[str, Any]:
    values = {name: getattr(chunk, name) for name in WRITTEN}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _place(chunk: Chunk, ordinal: int, position: Position) -> dict[str, Any]:
    return {
        "parse_run_id": chunk.parse_run_id,
        "chunk_id": chunk.chunk_id,
        "ordinal": ordinal,
        "page": position.page,
        **dict(zip(("x0", "y0", "x1", "y1"), position.box, strict=True)),
        "start": position.start,
        "end": position.end,
        "locator": position.locator,
    }


def _chunk(row: Mapping[str, Any]) -> Chunk:
    values = {name: row[name] for name in WRITTEN}
    values |= {"heading_path": tuple(row["heading_path"]), "block_ids": tuple(row["block_ids"])}
    values["quality"] = float(row["quality"])
    places = (
        dict(zip(("page", "x0", "y0", "x1", "y1", "start", "end", "locator"), p, strict=True))
        for p in row["places"] or ()
    )
    positions = tuple(Position(p["page"], box_of(p), p["start"], p["end"], p["locator"]) for p in places)
    return Chunk(**values, positions=positions)
