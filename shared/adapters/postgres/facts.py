"""Facts read from documents (spec D52)."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.block_rows import box_of
from shared.adapters.postgres.session import Session
from shared.domain.facts import Fact

_RENAMED = {"page": "page_no", "start": "char_start", "end": "char_end"}
_PLAIN = [f.name for f in fields(Fact) if f.name not in ("box", *_RENAMED)]
_COLUMNS = [*_PLAIN, *_RENAMED.values(), "x0", "y0", "x1", "y1"]
FILTERS = frozenset({"project_id", "supplier_id", "field", "state", "document_id"})
# Facts of a replaced parse run or a deleted document are history, not findings.
_CURRENT = """from facts f join documents d on d.document_id = f.document_id and d.deleted_at is null
  and coalesce(d.parse_run_id, f.parse_run_id) = f.parse_run_id"""


class Facts:
    """The Facts port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, facts: Sequence[Fact]) -> None:
        """Insert the facts."""
        self._session.many(
            f"insert into facts ({', '.join(_COLUMNS)}) values ({', '.join(f'%({name})s' for name in _COLUMNS)})",
            [_row(fact) for fact in facts],
        )

    def count(self, parse_run_id: str) -> int:
        """How many facts the run has."""
        found = self._session.row("select count(*) as n from facts where parse_run_id = %(id)s", id=parse_run_id)
        return int(found["n"]) if found else 0

    def of_project(self, project_id: str, *, supplier_id: str | None = None, field: str | None = None) -> list[Fact]:
        """All facts of current parse runs, by supplier, field and place; one supplier's or field's if named."""
        return self._read(
            """where f.project_id = %(project_id)s
                 and (%(supplier_id)s::text is null or f.supplier_id = %(supplier_id)s)
                 and (%(field)s::text is null or f.field = %(field)s)
               order by f.supplier_id, f.field, f.document_id, f.page_no, f.char_start, f.fact_id""",
            project_id=project_id,
            supplier_id=supplier_id,
            field=field,
        )

    def _read(self, where: str, **params: Any) -> list[Fact]:
        rows = self._session.rows(f"select {', '.join(f'f.{c}' for c in _COLUMNS)} {_CURRENT} {where}", **params)
        return [_fact(row) for row in rows]

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Fact]:
        """Facts of current parse runs, newest first, ids below `before`."""
        if filters.keys() - FILTERS:
            raise ValueError(f"facts are filtered by {sorted(FILTERS)}")
        where = "".join(f" and f.{name} = %({name})s" for name in filters)
        return self._read(
            f"""where (%(before)s::text is null or f.fact_id < %(before)s){where}
                order by f.fact_id desc limit %(limit)s""",
            before=before,
            limit=limit,
            **filters,
        )


def _row(fact: Fact) -> dict[str, Any]:
    values = {name: getattr(fact, name) for name in _PLAIN}
    values |= {column: getattr(fact, name) for name, column in _RENAMED.items()}
    values |= dict(zip(("x0", "y0", "x1", "y1"), fact.box, strict=True))
    return values | {"value": Jsonb(fact.value)}


def _fact(row: Mapping[str, Any]) -> Fact:
    values = {name: row[name] for name in _PLAIN} | {name: row[column] for name, column in _RENAMED.items()}
    return Fact(**values | {"confidence": float(row["confidence"]), "box": box_of(row)})
