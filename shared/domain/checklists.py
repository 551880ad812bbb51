"""Score a criterion by its checklist: the sum of the items that verified text shows (E19)."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from shared.domain.criteria import Criterion
from shared.domain.formulas import rounded
from shared.domain.rule_results import (
    SCORED,
    ItemResult,
    RuleResult,
    absent,
    claims_of,
    fact_chunks,
    needs_human,
    stability_of,
)
from shared.domain.rule_tests import Grounds, evaluate_test
from shared.domain.rule_texts import reason_text
from shared.domain.text_tests import Finding, Support


def decide_checklist(criterion: Criterion, grounds: Grounds, absence: Sequence[str], language: str) -> RuleResult:
    """All items met: pass; some: partial with their points; none, with text against each: fail; else undecided.

    An item that is unknown, or not found by an incomplete search, stays open: its points widen the interval low..high
    and count nothing. One place per item is cited first, so that each met item has its citation."""
    findings = [(item, evaluate_test(item["test"], grounds)) for item in criterion.payload["checklist"]]
    items = [
        ItemResult(code=str(item["code"]), state=_state(finding, absence), points=Decimal(str(item["points"])))
        for item, finding in findings
    ]
    met = [finding for (_, finding), item in zip(findings, items, strict=True) if item.state == "met"]
    causes = [f.cause for (_, f), i in zip(findings, items, strict=True) if i.state == "open" and f.cause]
    incomplete = ["SEARCH_INCOMPLETE"] if absence and any(f.missing for _, f in findings) else []
    codes = list(dict.fromkeys([*causes, *incomplete]))
    if met:
        return _scored(criterion, items, met, codes, language)
    against = _places([finding for _, finding in findings if finding.truth is False])
    if all(item.state == "missing" for item in items) or (incomplete and not against and not causes):
        return replace(absent(criterion, absence, language), items=tuple(items))
    if all(item.state == "not_met" for item in items):
        return _scored(criterion, items, [f for _, f in findings], [], language)
    places = _places([finding for _, finding in findings])
    result = needs_human(criterion, "insufficient", codes or ["INSUFFICIENT_EVIDENCE"], places, language)
    return replace(result, items=tuple(items))


def _state(finding: Finding, absence: Sequence[str]) -> str:
    if finding.truth is True and finding.supports:
        return "met"
    if finding.missing or (finding.truth is True and not finding.supports):
        return "open" if absence else "missing"
    return "not_met" if finding.truth is False else "open"


def _places(findings: Sequence[Finding]) -> list[Support]:
    """The first place of every finding, then the others."""
    first = [finding.supports[0] for finding in findings if finding.supports]
    return first + [support for finding in findings for support in finding.supports[1:]]


def _scored(
    criterion: Criterion, items: Sequence[ItemResult], shown: Sequence[Finding], codes: Sequence[str], language: str
) -> RuleResult:
    supports = _places(shown)
    room = replace(criterion, evidence_max=max(criterion.evidence_max, len(shown)))
    claims, unsupported = claims_of(supports, room, language)
    if not claims:
        return needs_human(criterion, "insufficient", ["INSUFFICIENT_EVIDENCE"], supports, language)
    count = sum(1 for item in items if item.state == "met")
    low = sum((item.points for item in items if item.state == "met"), Decimal(0))
    still = sum((item.points for item in items if item.state == "open"), Decimal(0))
    return RuleResult(
        outcome="pass" if count == len(items) else "partial" if count else "fail",
        score_state=SCORED if criterion.max_score > 0 else "not_applicable",
        score=rounded(low) if criterion.max_score > 0 else None,
        reason=reason_text("checklist", language, met=count, all=len(items)),
        claims=claims,
        unsupported=unsupported,
        stability=min(stability_of(finding.supports) for finding in shown),
        reasons=tuple(codes),
        low=rounded(low),
        high=rounded(min(low + still, criterion.max_score)),
        items=tuple(items),
        fact_chunks=fact_chunks(supports),
    )
