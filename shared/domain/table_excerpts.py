"""Show of a large table its caption, header and matching rows, and say how many are left out (spec R48)."""

from collections.abc import Sequence

from shared.domain.terms import terms
from shared.domain.tokens import count_tokens

# A table up to the size of the largest text chunk (P66) is shown whole.
WHOLE_TOKENS = 700
_CELLS = " | "


def table_excerpt(text: str, query_terms: Sequence[str], *, token_limit: int = WHOLE_TOKENS) -> str:
    """The table itself when it fits, else lines before the first row, header, best matching rows in their order, and
    the line `rows omitted: n`. Rows are lines with cells joined by " | "."""
    if count_tokens(text) <= token_limit:
        return text
    lines = text.split("\n")
    header = next((n for n, line in enumerate(lines) if _CELLS in line), 0)
    head, rows = lines[: header + 1], lines[header + 1 :]
    wanted = set(query_terms)
    order = sorted(range(len(rows)), key=lambda n: (-len(wanted.intersection(terms(rows[n]))), n))
    left = token_limit - count_tokens("\n".join(head)) - 8
    kept: list[int] = []
    for n in order:
        cost = count_tokens(rows[n])
        if cost <= left:
            kept.append(n)
            left -= cost
    omitted = len(rows) - len(kept)
    return "\n".join([*head, *(rows[n] for n in sorted(kept)), *([f"rows omitted: {omitted}"] if omitted else [])])
