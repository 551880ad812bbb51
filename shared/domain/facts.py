"""A typed value that was read from a chunk, with its place (spec E39)."""

from dataclasses import dataclass
from typing import Any

from shared.domain.blocks import Box

SEARCH_FIELDS = (
    "supplier_code",
    "qualification_level",
    "registered_capital",
    "bid_price",
    "delivery_period",
    "warranty_period",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One reading of one field. `value` is JSON: {"amount": "60"} with `unit` calendar_day, or
    {"amount": "3000000"} with `currency` CNY (and "tax": incl or excl where stated), {"low": "4", "high": "6"}
    for a range, {"date": "2027-03"}, or {"text": "..."}; amounts are decimal strings. "bound": le or ge marks
    "within" and "at least", "form": words an amount in words, and "ambiguous": true a reading that rules may not use.
    `start` and `end` span the raw text in the chunk. `state` is extracted, confirmed, corrected or conflict.
    `extractor` is pattern, table_cell or form_field; `confidence` is 0..1."""

    fact_id: str
    field: str
    value: dict[str, Any]
    raw_text: str
    document_id: str
    parse_run_id: str
    chunk_id: str
    page: int
    box: Box
    start: int
    end: int
    extractor: str
    extractor_version: str
    confidence: float
    state: str = "extracted"
    unit: str | None = None
    currency: str | None = None
    project_id: str = ""
    supplier_id: str | None = None
