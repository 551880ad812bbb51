"""A criterion of a frozen rule pack version, typed (spec 05 section 2)."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

KINDS = ("veto", "numeric_limit", "required_material", "formula", "evidenced", "judged", "group")
HARD_KINDS = ("veto", "numeric_limit", "required_material", "formula")


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One leaf or group. `weight` is the product along the path and leaf weights add up to 1 (E81);
    `payload` is the criterion as written in the pack (test, checklist, formula, rubric, queries ...)."""

    criterion_id: str
    code: str
    kind: str
    ordinal: int
    title: dict[str, str]
    requirement: str
    mandatory: bool
    max_score: Decimal
    weight: Decimal
    score_step: Decimal
    parent_code: str | None = None
    doc_scope: tuple[str, ...] = ("bid",)
    evidence_min: int = 1
    evidence_max: int = 8
    risk: str = "normal"
    payload: dict[str, Any] = field(default_factory=dict)
