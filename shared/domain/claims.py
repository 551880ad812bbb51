"""How a verdict cites: exact quotes with boxes, checked against the stored text and against the claim (E45-E49)."""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from shared.domain.blocks import enclosing
from shared.domain.chunks import Chunk, Position
from shared.domain.errors import Permanent
from shared.domain.evidence import Citation, Claim
from shared.domain.negation import has_negation
from shared.domain.normalisation import Normalised, normalise
from shared.domain.statement_spans import Span, clauses, statement_at
from shared.domain.value_codes import same_code
from shared.domain.value_types import Value
from shared.domain.values import read_values

_NAME = re.compile(
    r"[\u4e00-\u9fff（()）]{2,30}?(?:有限公司|股份公司|集团|研究院|事务所)|"
    r"(?:[A-Z][\w&.-]*\s+){1,5}(?:Ltd|Limited|Inc|GmbH|AG|LLC|plc|PLC|S\.A|Corporation|Corp)\b"
)


def places(chunk: Chunk, start: int, end: int) -> list[Position]:
    """The positions that hold a part of the span, in text order."""
    return sorted((p for p in chunk.positions if p.start < end and start < p.end), key=lambda p: p.start)


def cite(chunk: Chunk, start: int, end: int, *, is_primary: bool = False, match: str = "exact") -> Citation:
    """Cite text[start:end] of the chunk, cut to the page where it starts so that the quote stands inside its box.

    Raises Permanent CITATION_QUOTE_MISMATCH for an empty span or one outside the chunk or its positions."""
    held = places(chunk, start, end) if 0 <= start < end <= len(chunk.text) else []
    if not held:
        raise Permanent("CITATION_QUOTE_MISMATCH", f"span {start}:{end} has no place in {chunk.chunk_id}")
    page = held[0].page
    own = [place for place in held if place.page == page]
    if len(own) < len(held):
        end = min(end, max(place.end for place in own))
    while chunk.text[start].isspace() and start < end - 1:
        start += 1
    while chunk.text[end - 1].isspace() and end > start + 1:
        end -= 1
    return Citation(
        chunk_id=chunk.chunk_id,
        parse_run_id=chunk.parse_run_id,
        document_id=chunk.document_id,
        page=page,
        box=enclosing([place.box for place in own]),
        boxes=tuple(place.box for place in own),
        start=start,
        end=end,
        quote=chunk.text[start:end],
        match=match,
        is_primary=is_primary,
        locator=own[0].locator,
    )


def cite_sentence(chunk: Chunk, start: int, end: int, *, is_primary: bool = False) -> Citation:
    """Cite the sentence or table row around the span; where a page break cuts it, the part that holds the span."""
    wide = statement_at(chunk.text, start, end)
    held = places(chunk, start, end)
    if held:
        same_page = [p for p in places(chunk, wide.start, wide.end) if p.page == held[0].page]
        wide_start = max(wide.start, min(p.start for p in same_page))
        return cite(chunk, min(wide_start, start), wide.end, is_primary=is_primary)
    return cite(chunk, start, end, is_primary=is_primary)


def verify_quote(chunk: Chunk, quote: str, start: int, end: int) -> Citation:
    """Compare a quote with the stored text (E46).

    Equal at its span: match "exact". Equal after normalisation anywhere in the chunk: match "normalised", with the
    span that was found (nearest to the stated one) and the text that stands there. Anything else, similar text
    included, raises Permanent CITATION_QUOTE_MISMATCH."""
    if quote.strip() and 0 <= start < end <= len(chunk.text) and chunk.text[start:end] == quote:
        return cite(chunk, start, end)
    wanted, source = normalise(quote).text, normalise(chunk.text)
    spans = _occurrences(wanted, source)
    if not spans:
        raise Permanent("CITATION_QUOTE_MISMATCH", details={"chunk_id": chunk.chunk_id, "quote": quote[:200]})
    found = min(spans, key=lambda span: (abs(span[0] - start), span[0]))
    return cite(chunk, *found, match="normalised")


def _occurrences(wanted: str, source: Normalised) -> list[tuple[int, int]]:
    """Whole occurrences: a quote may not begin or end inside a number or a word of the source."""
    spans, at = [], source.text.find(wanted) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        if _is_whole(source.text, at, end):
            spans.append(source.source_span(at, end))
        at = source.text.find(wanted, at + 1)
    return spans


def _is_whole(text: str, start: int, end: int) -> bool:
    def cuts(left: str, right: str) -> bool:
        return bool(re.fullmatch(r"[A-Za-z0-9]{2}|\d[.,]|[.,]\d", left + right))

    before = text[start - 1 : start] if start else ""
    return not cuts(before, text[start]) and not cuts(text[end - 1], text[end : end + 1] if end < len(text) else "")


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
