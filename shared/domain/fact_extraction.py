"""Facts with their place from the chunks of one document; agreement and contradiction are recorded (E39-E42)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from shared.domain.blocks import enclosing
from shared.domain.chunks import Chunk
from shared.domain.citing import places
from shared.domain.fact_extractors import from_forms, from_sentences, from_tables
from shared.domain.fact_fields import VERSION
from shared.domain.fact_readings import Reading
from shared.domain.facts import Fact
from shared.domain.units import exact
from shared.domain.value_types import Conventions

AGREED, SINGLE, CONTRADICTED = 1.0, 0.7, 0.0


def extract_facts(
    chunks: Sequence[Chunk], *, new_id: Callable[[], str], conventions: Conventions | None = None
) -> list[Fact]:
    """All readings of the fields of fact_fields.FIELDS, each with span, page and box; tender documents state no
    facts of a bid. `new_id` gives one fact id per call. Confidence is 1.0 where two extractors agree, 0.7 for one,
    0.0 in a conflict (E58); a reading without a position is not stored (E39)."""
    how = conventions or Conventions()
    readings: list[Reading] = []
    for chunk in chunks:
        if chunk.doc_type != "tender":
            found = [*from_tables(chunk, how), *from_forms(chunk, how), *from_sentences(chunk, how)]
            readings += [reading for reading in found if reading.start >= chunk.overlap_chars]
    labelled = [reading for reading in readings if reading.labelled]
    kept = [reading for reading in readings if reading.labelled or _may_stand(reading, labelled)]
    placed = (_placed(reading) for reading in _once(kept))
    return reconcile([replace(fact, fact_id=new_id()) for fact in placed if fact is not None])


def _may_stand(reading: Reading, labelled: Sequence[Reading]) -> bool:
    """A reading without its label may confirm a labelled one or stand alone, never contradict one."""
    same_field = [other for other in labelled if other.field == reading.field]
    return not same_field or any(other.value == reading.value for other in same_field)


def _once(readings: Iterable[Reading]) -> list[Reading]:
    seen: dict[tuple[str, str, int], Reading] = {}
    for reading in readings:
        seen.setdefault((reading.field, reading.chunk.chunk_id, reading.start), reading)
    return list(seen.values())


def _placed(reading: Reading) -> Fact | None:
    chunk = reading.chunk
    held = places(chunk, reading.start, reading.end)
    if not held:
        return None
    own = [place.box for place in held if place.page == held[0].page]
    return Fact(
        fact_id="",
        field=reading.field,
        value=reading.value,
        raw_text=chunk.text[reading.start : reading.end],
        document_id=chunk.document_id,
        parse_run_id=chunk.parse_run_id,
        chunk_id=chunk.chunk_id,
        page=held[0].page,
        box=enclosing(own),
        start=reading.start,
        end=reading.end,
        extractor=reading.extractor,
        extractor_version=VERSION,
        confidence=SINGLE,
        unit=reading.unit,
        currency=reading.currency,
        project_id=chunk.project_id,
        supplier_id=chunk.supplier_id,
    )


def reconcile(facts: Sequence[Fact]) -> list[Fact]:
    """Compare the facts of one bid field by field, over all its documents, and set state and confidence anew.

    A person's confirmation or correction ends the comparison for its field (E44). Two readings that differ make
    every position of that field `conflict` (E42)."""
    by_field: dict[str, list[Fact]] = {}
    for fact in facts:
        by_field.setdefault(fact.field, []).append(fact)
    states = {field: _state(group) for field, group in by_field.items()}
    return [
        fact if fact.state in ("confirmed", "corrected") else _with_state(fact, states[fact.field]) for fact in facts
    ]


def _with_state(fact: Fact, state: tuple[str, float]) -> Fact:
    return replace(fact, state=state[0], confidence=0.0 if fact.value.get("ambiguous") else state[1])


def _state(group: Sequence[Fact]) -> tuple[str, float]:
    if any(fact.state in ("confirmed", "corrected") for fact in group):
        return "extracted", SINGLE
    clear = [fact for fact in group if not fact.value.get("ambiguous")]
    if any(not same_value(left, right) for i, left in enumerate(clear) for right in clear[i + 1 :]):
        return "conflict", CONTRADICTED
    return "extracted", AGREED if len({fact.extractor for fact in clear}) > 1 else SINGLE


def same_value(left: Fact, right: Fact) -> bool:
    """Whether two readings say the same. Amounts with and without tax are two different matters and no
    contradiction; units are compared after exact steps only (a year is 12 months), so 60 days against 2 months
    differ."""
    if "text" in left.value or "text" in right.value:
        return _bare(left.value.get("text")) == _bare(right.value.get("text"))
    taxes = {left.value.get("tax"), right.value.get("tax")}
    if taxes == {"incl", "excl"}:
        return True
    return left.currency == right.currency and _reading(left) == _reading(right)


def _reading(fact: Fact) -> tuple[Decimal | str | None, Decimal | str | None, str | None]:
    low = fact.value.get("low", fact.value.get("amount"))
    high = fact.value.get("high", fact.value.get("amount"))
    if low is None or high is None:
        return fact.value.get("date"), None, None
    first, unit = exact(Decimal(low), fact.unit)
    second, _ = exact(Decimal(high), fact.unit)
    return first, second, unit


def _bare(text: object) -> str:
    return "".join(sign for sign in str(text).lower() if sign.isalnum())
