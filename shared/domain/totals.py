"""Totals, what is still possible while scores are open, and rankings that say they are provisional (E4, E81-E83)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from shared.domain.criteria import Criterion
from shared.domain.evidence import Verdict
from shared.domain.formulas import rounded

TOLERANCE = Decimal("0.000002")


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """`total` is None while a score is open; `low` and `high` bound it; `open_items` are codes without a decided score
    or red line. A confirmed red line makes the total 0; a suspected one stays in `red_lines` until a person decides."""

    total: Decimal | None
    low: Decimal
    high: Decimal
    maximum: Decimal
    open_items: tuple[str, ...] = ()
    red_lines: tuple[str, ...] = ()
    deviation_pct: Decimal | None = None


def totals(
    criteria: Sequence[Criterion],
    verdicts: Sequence[Verdict],
    *,
    declared_total: Decimal = Decimal(100),
    intervals: dict[str, tuple[Decimal, Decimal]] | None = None,
) -> Totals:
    """Add up the current verdicts of one bid: T * sum of weight * score / max_score (E81), rounded half up at the end.

    `intervals` gives (low, high) of a criterion id whose score is open or has open checklist items; without one an
    open score can be anything from 0 to its maximum. Red line: a veto that failed by a person's decision counts as
    confirmed, by a rule as suspected, which leaves 0 possible."""
    current = {verdict.criterion_id: verdict for verdict in verdicts}
    leaves = [criterion for criterion in criteria if criterion.kind != "group"]
    low, high, exact, unscored = Decimal(0), Decimal(0), Decimal(0), []
    for criterion in leaves:
        if criterion.max_score <= 0:
            continue
        verdict = current.get(criterion.criterion_id)
        share = _share(criterion, leaves, declared_total)
        given = (intervals or {}).get(criterion.criterion_id)
        if verdict is None or verdict.score is None:
            unscored.append(criterion.code)
            first, last = given or (Decimal(0), criterion.max_score)
        else:
            exact += share * verdict.score
            person = verdict.source == "person"
            first, last = (verdict.score, verdict.score) if person or given is None else given
        low, high = low + share * first, high + share * last
    return _with_red_lines(leaves, current, unscored, (low, high, exact), declared_total)


def _share(criterion: Criterion, leaves: Sequence[Criterion], declared_total: Decimal) -> Decimal:
    """Total points per point of the criterion. Weights that come from points are used unrounded, so that the total of
    a pack in points is the plain sum."""
    points = sum((leaf.max_score for leaf in leaves), Decimal(0))
    if abs(criterion.weight - criterion.max_score / points) <= TOLERANCE:
        return declared_total / points
    return declared_total * criterion.weight / criterion.max_score


def _with_red_lines(
    leaves: Sequence[Criterion],
    current: dict[str, Verdict],
    unscored: Sequence[str],
    sums: tuple[Decimal, Decimal, Decimal],
    declared_total: Decimal,
) -> Totals:
    low, high, exact = sums
    vetoes = [(leaf.code, current.get(leaf.criterion_id)) for leaf in leaves if leaf.kind == "veto"]
    failed = [(code, verdict) for code, verdict in vetoes if verdict is not None and verdict.outcome == "fail"]
    undecided = [code for code, v in vetoes if v is None or v.outcome not in ("pass", "fail")]
    undecided += [code for code, verdict in failed if verdict.source != "person"]
    if any(verdict.source == "person" for _, verdict in failed):
        codes = tuple(code for code, _ in failed)
        return Totals(total=Decimal("0.00"), low=Decimal(0), high=Decimal(0), maximum=declared_total, red_lines=codes)
    suspected = tuple(code for code, _ in failed)
    low = Decimal(0) if undecided else low
    return Totals(
        total=None if unscored or undecided else rounded(exact),
        low=rounded(low),
        high=rounded(high),
        maximum=declared_total,
        open_items=(*undecided, *unscored),
        red_lines=suspected,
        deviation_pct=None if low == high else 100 * (high - low) / declared_total,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A bid in the ranking. `place` is None for an excluded or pending bid; tied bids share a place."""

    supplier_id: str
    total: Decimal | None
    place: int | None = None
    tied: bool = False
    excluded: str | None = None
    pending: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Bids by total; `provisional` while any bid that is not excluded has pending items (E83)."""

    standings: tuple[Standing, ...]
    provisional: bool


def rank(bids: Sequence[tuple[str, Totals]]) -> Ranking:
    """Rank (supplier id, totals): highest total first, ties share the place and the next place is skipped; a bid with a
    confirmed red line is excluded, one without a total is pending and stands last."""
    out = [(name, t) for name, t in bids if t.red_lines and t.total == 0]
    pending = [(name, t) for name, t in bids if t.total is None]
    ranked = sorted(
        ((name, t.total) for name, t in bids if t.total is not None and not (t.red_lines and t.total == 0)),
        key=lambda bid: (-bid[1], bid[0]),
    )
    scores = [total for _, total in ranked]
    standings = [
        Standing(supplier_id=name, total=total, place=scores.index(total) + 1, tied=scores.count(total) > 1)
        for name, total in ranked
    ]
    standings += [Standing(supplier_id=name, total=None, pending=t.open_items) for name, t in sorted(pending)]
    standings += [
        Standing(supplier_id=name, total=t.total, excluded="red line: " + ", ".join(t.red_lines))
        for name, t in sorted(out)
    ]
    return Ranking(standings=tuple(standings), provisional=bool(pending))
