"""How sure a result is, measured from its evidence, and how far estimates of a score lie apart (E56-E60)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from shared.domain.evidence import Claim, Passage

TOP = 20
FACTS_BRANCH = "facts"
WEIGHTS = {
    "evidence_quality": Decimal("0.4"),
    "retrieval_agreement": Decimal("0.3"),
    "stability": Decimal("0.3"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """`value` 0..1 with four decimals; `parts` the components by name, as decimal strings."""

    value: Decimal
    parts: dict[str, str]


def evidence_quality(supported: int, produced: int, qualities: Sequence[float], minimum: int) -> Decimal:
    """Share of supported claims * mean quality of the cited blocks * min(1, cited positions / minimum) (E56)."""
    if produced == 0 or not qualities:
        return Decimal(0)
    mean = sum((Decimal(str(quality)) for quality in qualities), Decimal(0)) / len(qualities)
    enough = min(Decimal(1), Decimal(len(qualities)) / Decimal(max(1, minimum)))
    return Decimal(supported) / Decimal(produced) * mean * enough


def retrieval_agreement(
    chunks: Sequence[str],
    ranks: Mapping[str, Mapping[str, int]],
    branches: Sequence[str],
    fact_chunks: frozenset[str] = frozenset(),
) -> Decimal:
    """Mean over the cited chunks of (branches with it in their top 20 / branches that ran undegraded) (E57).

    The lookup of facts is a branch of its own where a fact was cited. At most 0.5 when only one branch ran."""
    ran = [*branches, FACTS_BRANCH] if fact_chunks else list(branches)
    if not chunks or not ran:
        return Decimal(0)
    shares = []
    for chunk in chunks:
        found = {name for name, rank in ranks.get(chunk, {}).items() if rank <= TOP and name in branches}
        found |= {FACTS_BRANCH} if chunk in fact_chunks else set()
        shares.append(Decimal(len(found)) / Decimal(len(ran)))
    mean = sum(shares, Decimal(0)) / len(shares)
    return min(mean, Decimal("0.5")) if len(ran) == 1 else mean


def measure(
    claims: Sequence[Claim],
    unsupported: Sequence[Claim],
    passages: Sequence[Passage],
    *,
    branches: Sequence[str],
    minimum: int,
    stability: Decimal,
    fact_chunks: frozenset[str] = frozenset(),
) -> Confidence:
    """Confidence of one criterion = 0.4 * evidence_quality + 0.3 * retrieval_agreement + 0.3 * stability.

    `branches` are those that ran undegraded, `minimum` the evidence_min of the criterion. A cited chunk that no passage
    holds (a fact's) counts with quality 1. Without a claim the confidence is 0."""
    cited = [citation for claim in claims for citation in claim.citations]
    quality = {passage.chunk.chunk_id: passage.quality for passage in passages}
    ranks = {passage.chunk.chunk_id: passage.branch_ranks for passage in passages}
    places = sorted({(citation.chunk_id, citation.start) for citation in cited})
    parts = {
        "evidence_quality": evidence_quality(
            len(claims), len(claims) + len(unsupported), [quality.get(chunk, 1.0) for chunk, _ in places], minimum
        ),
        "retrieval_agreement": retrieval_agreement(
            sorted({citation.chunk_id for citation in cited}), ranks, branches, fact_chunks
        ),
        "stability": stability if cited else Decimal(0),
    }
    total = sum((WEIGHTS[name] * _unit(part) for name, part in parts.items()), Decimal(0))
    return Confidence(value=_four(_unit(total)), parts={name: str(_four(_unit(part))) for name, part in parts.items()})


def _unit(value: Decimal) -> Decimal:
    return min(Decimal(1), max(Decimal(0), value))


def _four(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.0001"), ROUND_HALF_UP)


def model_stability(scores: Sequence[Decimal], outcomes: Sequence[str], maximum: Decimal) -> Decimal:
    """1 - spread of the runs' scores / maximum; 0 when their verdicts differ or there is no run (E58)."""
    if not scores or len(set(outcomes)) != 1 or maximum <= 0:
        return Decimal(0)
    return _unit(1 - (max(scores) - min(scores)) / maximum)


def score_deviation_pct(estimates: Sequence[Decimal], maximum: Decimal) -> Decimal | None:
    """100 * (highest - lowest) / maximum over independent estimates of one score, unrounded so that the boundary of
    20 is exact; None (basis `single`) for fewer than two or an unscored criterion (E59)."""
    if len(estimates) < 2 or maximum <= 0:
        return None
    return 100 * (max(estimates) - min(estimates)) / maximum


def overall_confidence(parts: Sequence[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal] | None:
    """(mean, lowest) of (confidence, points) over the criteria; weighted by points, plainly when none has any (E60)."""
    if not parts:
        return None
    points = sum((weight for _, weight in parts), Decimal(0))
    if points > 0:
        mean = sum((value * weight for value, weight in parts), Decimal(0)) / points
    else:
        mean = sum((value for value, _ in parts), Decimal(0)) / len(parts)
    return _four(mean), min(value for value, _ in parts)
