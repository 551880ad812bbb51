"""Blocks as rows: boxes as four columns, lines and cells as versioned JSON (spec D11, D49)."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from shared.domain.blocks import Block, Box, Cell, Line
from shared.domain.errors import Permanent

SCHEMA_VERSION = 1
COLUMNS = (
    "block_id, page_no, seq, range_no, type, level, heading_path, text, lang, x0, y0, x1, y1, lines, cells, quality, "
    "route, parser, parser_version, flags"
)


def block_row(block: Block, *, parse_run_id: str, range_no: int) -> dict[str, Any]:
    """The column values of a block."""
    lines = [[line.page, *line.box, line.start, line.end] for line in block.lines]
    return {
        "parse_run_id": parse_run_id,
        "block_id": block.block_id,
        "page_no": block.page,
        "seq": block.seq,
        "range_no": range_no,
        "type": block.type,
        "level": block.level,
        "heading_path": list(block.heading_path),
        "text": block.text,
        "lang": block.lang,
        **dict(zip(("x0", "y0", "x1", "y1"), block.box, strict=True)),
        "lines": Jsonb({"schema_version": SCHEMA_VERSION, "lines": lines, "locator": block.locator}),
        "cells": Jsonb({"schema_version": SCHEMA_VERSION, "cells": [_cell(c) for c in block.cells]})
        if block.cells
        else None,
        "quality": block.quality,
        "route": block.route,
        "parser": block.parser,
        "parser_version": block.parser_version,
        "flags": list(block.flags),
    }


def block_of(row: Mapping[str, Any]) -> Block:
    """The block of a row; raises Permanent DATA_CORRUPTED for a shape from the future (D11)."""
    lines, cells = _checked(row["lines"]), _checked(row["cells"] or {"schema_version": SCHEMA_VERSION, "cells": []})
    return Block(
        page=row["page_no"],
        seq=row["seq"],
        type=row["type"],
        text=row["text"],
        box=box_of(row),
        lines=tuple(Line(page, Box(x0, y0, x1, y1), s, e) for page, x0, y0, x1, y1, s, e in lines["lines"]),
        heading_path=tuple(row["heading_path"]),
        level=row["level"],
        lang=row["lang"],
        cells=tuple(_cell_of(cell) for cell in cells["cells"]),
        quality=float(row["quality"]),
        route=row["route"],
        parser=row["parser"],
        parser_version=row["parser_version"],
        flags=tuple(row["flags"]),
        locator=lines["locator"],
        block_id=row["block_id"],
    )


def box_of(row: Mapping[str, Any]) -> Box:
    """The box of a row with the columns x0, y0, x1, y1."""
    return Box(float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"]))


def _checked(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if value.get("schema_version") != SCHEMA_VERSION:
        raise Permanent("DATA_CORRUPTED", "a block has an unknown schema version")
    return value


def _cell(cell: Cell) -> list[Any]:
    place = [cell.row, cell.col, cell.row_span, cell.col_span, cell.page, *cell.box, cell.start, cell.end]
    return [*place, cell.header, cell.text]


def _cell_of(value: list[Any]) -> Cell:
    row, col, row_span, col_span, page, x0, y0, x1, y1, start, end, header, text = value
    return Cell(row, col, row_span, col_span, text, page, Box(x0, y0, x1, y1), start, end, header)
