"""What a claim says and its quotes do not (E47, E49); how they are cited is in citing.py."""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from shared.domain.evidence import Claim
from shared.domain.negation import has_negation
from shared.domain.normalisation import normalise
from shared.domain.statement_spans import Span, clauses
from shared.domain.value_codes import same_code
from shared.domain.value_types import Value
from shared.domain.values import read_values

_NAME = re.compile(
    r"[\u4e00-\u9fff（()）]{2,30}?(?:有限公司|股份公司|集团|研究院|事务所)|"
    r"(?:[A-Z][\w&.-]*\s+){1,5}(?:Ltd|Limited|Inc|GmbH|AG|LLC|plc|PLC|S\.A|Corporation|Corp)\b"
)


def unsupported_parts(claim: Claim, calculated: Sequence[str] = ()) -> list[str]:
    """What a claim says and its cited text does not (E47): values, names, and a negation added or lost.

    `calculated` lists canonical values that follow from the cited text by a recorded calculation. An empty list
    means the claim is supported."""
    quotes = [citation.quote for citation in claim.citations]
    if not quotes:
        return ["citation"]
    shown = [value for quote in quotes for value in read_values(quote)]
    missing = [value.raw for value in read_values(claim.text) if not _is_shown(value, shown, calculated, quotes)]
    joined = "\n".join(normalise(quote).text for quote in quotes)
    said = normalise(claim.text).text
    if said in joined:
        return []
    missing += [name for name in _NAME.findall(said) if name not in joined]
    if claim.stance != "contradicts" and has_negation(claim.text) != _denies(claim.text, quotes):
        missing.append("negation")
    return missing


def _denies(claim: str, quotes: Sequence[str]) -> bool:
    """Whether the clauses that hold the claim's values are denials; without values, whether any quote is."""
    raws = [value.raw for value in read_values(claim)]
    parts = [quote[c.start : c.end] for quote in quotes for c in clauses(quote, Span(0, len(quote)))]
    relevant = [part for part in parts if any(raw in part for raw in raws)]
    return all(has_negation(part) for part in relevant) if relevant else any(has_negation(quote) for quote in quotes)


def _is_shown(value: Value, shown: Sequence[Value], calculated: Sequence[str], quotes: Sequence[str]) -> bool:
    if value.canonical in calculated or any(value.raw in quote for quote in quotes):
        return True
    if value.ambiguous:
        return False
    if value.code:
        return any(other.code and same_code(value.code, other.code) for other in shown)
    return any(_same_reading(value, other) for other in shown)


def _same_reading(value: Value, other: Value) -> bool:
    if other.ambiguous or value.date != other.date or (value.unit, value.currency) != (other.unit, other.currency):
        return False
    ends = [end for end in (value.low, value.high) if end is not None]
    return value.date is not None or all(end in (other.low, other.high) for end in ends)


def citation_coverage(supported: int, produced: int) -> Decimal:
    """Supported claims over all claims produced before removal, four decimals; no claims: 0 (E49)."""
    if produced == 0:
        return Decimal(0)
    return (Decimal(supported) / Decimal(produced)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
