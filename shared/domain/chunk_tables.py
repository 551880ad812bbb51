"""Index views of large tables: groups of rows with caption and header repeated (spec P67, R56)."""

from typing import NamedTuple

from shared.domain.chunks import Chunk
from shared.domain.tokens import count_tokens

LARGE_TABLE = 700  # tokens: above this a table gets views
VIEW_TOKENS = 450
_CELL_JOIN = " | "


class RowView(NamedTuple):
    """Rows first..last of the table (from 0, the header being row 0) as text with caption and header."""

    first_row: int
    last_row: int
    text: str


def row_views(chunk: Chunk, *, limit: int = VIEW_TOKENS) -> list[RowView]:
    """Views of a table chunk above 700 tokens, of at most `limit` tokens unless a single row is larger; none
    for any other chunk. Leading lines without cells are the caption, the first row is the header."""
    if chunk.chunk_type != "table" or chunk.token_count <= LARGE_TABLE:
        return []
    lines = chunk.text.split("\n")
    first = next((i for i, line in enumerate(lines) if _CELL_JOIN in line), 0)
    rows = lines[first:]
    head = [*lines[:first], rows[0]]
    budget = limit - sum(map(count_tokens, head))
    views: list[RowView] = []
    start, used = 1, 0
    for number in range(1, len(rows)):
        tokens = count_tokens(rows[number])
        if number > start and used + tokens > budget:
            views.append(RowView(start, number - 1, "\n".join([*head, *rows[start:number]])))
            start, used = number, 0
        used += tokens
    if start < len(rows):
        views.append(RowView(start, len(rows) - 1, "\n".join([*head, *rows[start:]])))
    return views
