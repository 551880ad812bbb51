"""Where a run of sentences is cut: near 450 tokens, at the best boundary in reach (spec P66, P68, P69)."""

from collections.abc import Sequence
from dataclasses import dataclass

TARGET, MOST, LEAST, OVERLAP = 450, 700, 120, 80
_WHOLE = 560  # a rest up to this size stays one chunk: cutting it would only repeat an overlap
# What a cut after a piece costs beside its distance from the target; the order is the preference of P66.
AFTER_LIST, AFTER_PAGE, AFTER_BLOCK, AFTER_ITEM, AFTER_SENTENCE, AFTER_CLAUSE = 0.0, 0.04, 0.08, 0.15, 0.3, 1.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence: which block of the run, its span there, its tokens, and the cost of a cut after it."""

    block: int
    start: int
    end: int
    tokens: int
    cost: float


@dataclass(frozen=True, slots=True)
class Cut:
    """Pieces first..last-1 make a chunk; those before `fresh` repeat the chunk before."""

    first: int
    fresh: int
    last: int


def cut_run(pieces: Sequence[Piece]) -> list[Cut]:
    """Cut the pieces of one section; every piece is fresh in exactly one chunk."""
    cuts: list[Cut] = []
    fresh = 0
    while fresh < len(pieces):
        first = _overlap_start(pieces, cuts[-1].fresh, fresh) if cuts else fresh
        repeated = sum(p.tokens for p in pieces[first:fresh])
        last = _best_end(pieces, fresh, repeated)
        if last is None:
            first, last = fresh, _best_end(pieces, fresh, 0) or fresh + 1
        cuts.append(Cut(first, fresh, last))
        fresh = last
    return cuts


def _overlap_start(pieces: Sequence[Piece], least: int, fresh: int) -> int:
    """Whole sentences before `fresh`, at most 80 tokens and not the whole chunk before."""
    start, tokens = fresh, 0
    while start - 1 > least and tokens + pieces[start - 1].tokens <= OVERLAP:
        start -= 1
        tokens += pieces[start].tokens
    return start


def _best_end(pieces: Sequence[Piece], fresh: int, repeated: int) -> int | None:
    """The cheapest end of a chunk that starts at `fresh`; None when not even one piece fits."""
    rest = sum(p.tokens for p in pieces[fresh:])
    if rest + repeated <= _WHOLE:
        return len(pieces)
    best: tuple[float, int] | None = None
    tokens = repeated
    for end in range(fresh + 1, len(pieces) + 1):
        tokens += pieces[end - 1].tokens
        rest -= pieces[end - 1].tokens
        if tokens > MOST:
            break
        cost = abs(tokens - TARGET) / TARGET + pieces[end - 1].cost
        cost += 2.0 if 0 < rest < LEAST else 0.0
        cost += 2.0 if tokens < LEAST else 0.0
        if best is None or cost <= best[0]:
            best = (cost, end)
    return best[1] if best else None
