"""How a text is cited: an exact quote with its places, and a given quote compared with the stored text (E45, E46)."""

import re

from shared.domain.blocks import enclosing
from shared.domain.chunks import Chunk, Position
from shared.domain.errors import Permanent
from shared.domain.evidence import Citation
from shared.domain.normalisation import Normalised, normalise
from shared.domain.statement_spans import statement_at


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
