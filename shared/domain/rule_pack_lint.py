"""Findings on a rule pack before its review: errors block activation, warnings need a written waiver (E11, E28-E35)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.domain.canonical_json import digest
from shared.domain.criteria import Criterion
from shared.domain.fact_fields import BY_FIELD
from shared.domain.formulas import step_gaps
from shared.domain.operators import COMBINATIONS, COMPARISONS, reading
from shared.domain.rule_pack_tests import facts_of
from shared.domain.units import UNITS, convert

_VAGUE = re.compile(
    r"适当|合理|较好|较强|良好|优先|必要时|充分|尽快|及时|有一定|(?<![同平相高中初何])等(?![级于候待效同价])|"
    r"\b(?:adequate|reasonable|reasonably|good|sufficient|sufficiently|suitable|satisfactory|appropriate|etc|"
    r"as\s+soon\s+as\s+possible|where\s+possible|state\s+of\s+the\s+art|user[- ]friendly|timely|promptly)\b",
    re.IGNORECASE,
)
_FUTURE = re.compile(
    r"另行通知|待定|届时|以后确定|\b(?:to\s+be\s+(?:determined|agreed|announced|defined)|tbd|will\s+be\s+announced)\b",
    re.I,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """`code` is the spec id, `severity` error or warning, `criterion` its code or "" for the pack."""

    code: str
    severity: str
    criterion: str
    message: str

    def as_json(self) -> dict[str, str]:
        """The finding as an object of the lint column."""
        return {"code": self.code, "severity": self.severity, "criterion": self.criterion, "message": self.message}


def lint_criteria(criteria: Sequence[Criterion], declared_total: Decimal) -> list[LintFinding]:
    """All findings on the criteria of a pack that was read; annexes and contradictions need the project and are not
    looked for (E33)."""
    found = [finding for criterion in criteria for finding in _lint_one(criterion)]
    found += _duplicates(criteria)
    leaves = [criterion for criterion in criteria if criterion.kind != "group"]
    points = sum((leaf.max_score for leaf in leaves), Decimal(0))
    if all(leaf.payload.get("weight") is None for leaf in criteria) and points != declared_total:
        message = f"the points add up to {points}, the pack declares {declared_total}"
        found.append(LintFinding(code="E32", severity="error", criterion="", message=message))
    return found


def _lint_one(criterion: Criterion) -> Iterator[LintFinding]:
    def finding(code: str, severity: str, message: str) -> LintFinding:
        return LintFinding(code=code, severity=severity, criterion=criterion.code, message=message)

    source = criterion.payload.get("source") or {}
    if criterion.kind != "group" and not any(source.get(key) for key in ("author_statement", "quote")):
        yield finding("E11", "error", "neither a source citation nor an author statement")
    if criterion.kind not in ("judged", "group"):
        for word in sorted({match.group() for match in _VAGUE.finditer(criterion.requirement)}):
            yield finding("E28", "error" if criterion.kind == "veto" else "warning", f"vague wording: {word}")
    future = _FUTURE.search(criterion.requirement)
    if future:
        yield finding("E29", "error", f"cannot be tested yet: {future.group()}")
    test = criterion.payload.get("test")
    if test and any(len(test.get(name, [])) > 1 for name in COMBINATIONS):
        yield finding("E30", "warning", "several tests in one criterion")
    for part in _tests(criterion):
        for message in _unit_problems(part, criterion.payload.get("unit_conversions") or {}):
            yield finding("E31", "error", message)
    for message in _point_problems(criterion):
        yield finding("E32", "error", message)
    if criterion.mandatory and criterion.max_score > 0:
        yield finding("E34", "warning", "mandatory and scored: say what a failure costs")


def _tests(criterion: Criterion) -> list[Mapping[str, Any]]:
    parts = [criterion.payload.get("test"), criterion.payload.get("clear_when")]
    parts += [item.get("test") for item in criterion.payload.get("checklist") or []]
    return [fact for part in parts if part for fact in facts_of(part)]


def _unit_problems(test: Mapping[str, Any], declared: Mapping[str, str]) -> Iterator[str]:
    """Durations need a unit that converts to some other known one, money a currency (E31, E38)."""
    rule = BY_FIELD.get(str(test["fact"]))
    if rule is None:
        yield f"{test['fact']} is no known fact"
        return
    if rule.kind not in ("money", "duration") or test["op"] not in (*COMPARISONS, "between"):
        return
    values = test["value"] if test["op"] == "between" else [test["value"]]
    for value in values:
        side = reading(value, test.get("unit"))
        if rule.kind == "money" and not side["currency"]:
            yield f"{test['fact']} is compared without a currency"
        if rule.kind == "duration" and not side["unit"]:
            yield f"{test['fact']} is compared without a unit"
        elif rule.kind == "duration" and not any(convert(Decimal(1), unit, side["unit"], declared) for unit in UNITS):
            yield f"{side['unit']} is no unit of time"


def _point_problems(criterion: Criterion) -> Iterator[str]:
    items = criterion.payload.get("checklist") or []
    points = sum((Decimal(str(item["points"])) for item in items), Decimal(0))
    if criterion.kind == "evidenced" and points != criterion.max_score:
        yield f"the checklist adds up to {points} of {criterion.max_score} points"
    formula = criterion.payload.get("formula") or {}
    if formula.get("kind") == "steps":
        for gap in step_gaps(formula["steps"]):
            yield f"the steps have a gap or overlap: {gap}"
        if any(Decimal(str(row["points"])) > criterion.max_score for row in formula["steps"]):
            yield "a step gives more than the maximum"


def _duplicates(criteria: Sequence[Criterion]) -> Iterator[LintFinding]:
    """Two criteria with the same test, or the same wording, decide the same thing twice (E34)."""
    seen: dict[str, str] = {}
    for criterion in criteria:
        for key in _identities(criterion):
            if key in seen and seen[key] != criterion.code:
                message = f"decides the same as {seen[key]}"
                yield LintFinding(code="E34", severity="warning", criterion=criterion.code, message=message)
                break
            seen[key] = criterion.code


def _identities(criterion: Criterion) -> list[str]:
    keys = ["wording:" + "".join(criterion.requirement.lower().split())]
    if criterion.payload.get("test"):
        keys.append("test:" + digest(criterion.payload["test"]))
    return keys
