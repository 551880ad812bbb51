"""Parse runs with their pages and blocks (spec D48, D49, P77, P89)."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.block_rows import COLUMNS as BLOCK_COLUMNS
from shared.adapters.postgres.block_rows import block_of, block_row
from shared.adapters.postgres.session import Session
from shared.domain.blocks import Block, Page
from shared.domain.documents import ParseRun
from shared.domain.errors import Permanent
from shared.ports.document_records import PlannedPage

COLUMNS = ", ".join(f.name for f in fields(ParseRun))
WRITTEN = [f.name for f in fields(ParseRun)]
CHANGES = frozenset({"chunk_count", "status", "error_code", "ended_at", "manifest"})
BLOCK_INSERT = f"""insert into blocks (parse_run_id, {BLOCK_COLUMNS})
    values (%(parse_run_id)s, {", ".join(f"%({name})s" for name in BLOCK_COLUMNS.split(", "))})"""


class ParseRuns:
    """The ParseRuns port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self, run: ParseRun, pages: Sequence[PlannedPage]) -> None:
        """Insert the run and its page plan."""
        values: dict[str, Any] = {name: getattr(run, name) for name in WRITTEN}
        values["manifest"] = Jsonb(run.manifest)
        with self._session.transaction():
            self._session.execute(
                f"insert into parse_runs ({COLUMNS}) values ({', '.join(f'%({name})s' for name in WRITTEN)})", **values
            )
            self._session.many(
                """insert into document_pages (parse_run_id, page_no, width_pt, height_pt, kind, route, measured,
                       range_no, readable)
                   values (%(parse_run_id)s, %(page_no)s, %(width)s, %(height)s, %(kind)s, %(route)s, %(measured)s,
                       %(range_no)s, %(readable)s)""",
                [_page_row(run.parse_run_id, planned) for planned in pages],
            )

    def get(self, parse_run_id: str, *, lock: bool = False) -> ParseRun:
        """The run; raises Permanent DOC_PAGES_INCOMPLETE when it is gone."""
        found = self._session.first(
            ParseRun,
            f"select {COLUMNS} from parse_runs where parse_run_id = %(id)s {'for update' if lock else ''}",
            id=parse_run_id,
        )
        if found is None:
            raise Permanent("DOC_PAGES_INCOMPLETE", "the parse run is gone")
        return found

    def of_document(self, document_id: str, config_hash: str) -> list[ParseRun]:
        """Runs of this configuration, newest attempt first."""
        return self._session.all(
            ParseRun,
            f"""select {COLUMNS} from parse_runs
                where document_id = %(document_id)s and config_hash = %(config_hash)s order by attempt desc""",
            document_id=document_id,
            config_hash=config_hash,
        )

    def pages(
        self, parse_run_id: str, *, range_no: int | None = None, first: int | None = None, last: int | None = None
    ) -> list[PlannedPage]:
        """Pages in order, of one range or from page `first` to `last` when named."""
        rows = self._session.rows(
            """select page_no, width_pt, height_pt, kind, route, measured, range_no, done_at is not null as done,
                      readable
                 from document_pages
                where parse_run_id = %(id)s and (%(range_no)s::int is null or range_no = %(range_no)s)
                  and page_no >= coalesce(%(first)s, page_no) and page_no <= coalesce(%(last)s, page_no)
                order by page_no""",
            id=parse_run_id,
            range_no=range_no,
            first=first,
            last=last,
        )
        return [_planned_page(row) for row in rows]

    def save_range(
        self, parse_run_id: str, range_no: int, blocks: Sequence[Block], *, part: Mapping[str, Any], at: datetime
    ) -> bool:
        """Save a range whole or not at all; the row lock on the run lets parallel ranges append to one manifest."""
        with self._session.transaction():
            self.get(parse_run_id, lock=True)
            marked = self._session.execute(
                """update document_pages set done_at = %(at)s
                    where parse_run_id = %(id)s and range_no = %(range_no)s and done_at is null""",
                id=parse_run_id,
                range_no=range_no,
                at=at,
            )
            if not marked:
                return False
            rows = [block_row(block, parse_run_id=parse_run_id, range_no=range_no) for block in blocks]
            self._session.many(BLOCK_INSERT, rows)
            self._session.execute(
                """update parse_runs set pages_done = pages_done + %(marked)s, updated_at = clock_timestamp(),
                     row_version = row_version + 1,
                     manifest = jsonb_set(manifest, '{ranges}', coalesce(manifest->'ranges', '[]') || %(part)s)
                   where parse_run_id = %(id)s""",
                id=parse_run_id,
                marked=marked,
                part=Jsonb([dict(part)]),
            )
        return True

    def blocks(self, parse_run_id: str, *, page: int | None = None, type: str | None = None) -> list[Block]:
        """Blocks in reading order over the whole document, or those of one page or type."""
        rows = self._session.rows(
            f"""select {BLOCK_COLUMNS} from blocks
                where parse_run_id = %(id)s and (%(page)s::int is null or page_no = %(page)s)
                  and (%(type)s::text is null or type = %(type)s)
                order by range_no, seq""",
            id=parse_run_id,
            page=page,
            type=type,
        )
        return [block_of(row) for row in rows]

    def change(self, parse_run_id: str, **changes: Any) -> None:
        """Set columns of the run; raises ValueError for one that route_pages fixed."""
        if not changes or changes.keys() - CHANGES:
            raise ValueError(f"of a parse run only {sorted(CHANGES)} change")
        assignments = "".join(f", {name} = %({name})s" for name in changes)
        values = {name: Jsonb(value) if name == "manifest" else value for name, value in changes.items()}
        self._session.execute(
            f"""update parse_runs set updated_at = clock_timestamp(), row_version = row_version + 1{assignments}
                where parse_run_id = %(id)s""",
            id=parse_run_id,
            **values,
        )


def _page_row(parse_run_id: str, planned: PlannedPage) -> dict[str, Any]:
    page = planned.page
    return {
        "parse_run_id": parse_run_id,
        "page_no": page.number,
        "width": page.width,
        "height": page.height,
        "kind": page.kind,
        "route": page.route,
        "measured": Jsonb({"schema_version": 1, **page.measured}),
        "range_no": planned.range_no,
        "readable": planned.readable,
    }


def _planned_page(row: Mapping[str, Any]) -> PlannedPage:
    page = Page(
        number=row["page_no"],
        width=float(row["width_pt"]),
        height=float(row["height_pt"]),
        kind=row["kind"],
        route=row["route"],
        measured={name: value for name, value in row["measured"].items() if name != "schema_version"},
    )
    return PlannedPage(page, row["range_no"], row["done"], row["readable"])
