"""Decide one criterion by rule: veto, numeric limit, required material, formula and checklist (E15-E20, W68).

A veto whose test is true is a hit (`fail`). It passes only on cited text: a denial, a fact that shows the contrary, or
`clear_when` of the pack. Nothing found either way is `not_found`, and a person confirms.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from shared.domain.checklists import decide_checklist
from shared.domain.criteria import Criterion
from shared.domain.evidence import Passage
from shared.domain.fact_extraction import reconcile
from shared.domain.facts import Fact
from shared.domain.formula_rules import Cohort, decide_formula, steps_score
from shared.domain.rule_results import RuleResult, absent, decided, needs_human
from shared.domain.rule_tests import Grounds, evaluate_test
from shared.domain.text_tests import CONFLICT, Finding


def decide(
    criterion: Criterion,
    facts: Sequence[Fact],
    passages: Sequence[Passage],
    cohort: Cohort | None = None,
    *,
    absence: Sequence[str],
    language: str = "en",
) -> RuleResult:
    """Apply the criterion's rule.

    `facts` are all facts of the bid, `passages` the evidence found (add the chunks of the facts so that they are quoted
    by sentence), `cohort` the values of all valid bids or None while the set is open (E22), `absence` what is missing
    for a proof of absence (empty: proven, R51). A judged criterion gets `needs_human` with MODEL_UNAVAILABLE; call this
    only when no model judges it (E2). Raises ValueError for a group, which has no verdict of its own (E21)."""
    if criterion.kind == "group":
        raise ValueError(f"{criterion.code} is a group and has no verdict of its own")
    grounds = Grounds(
        facts=reconcile(facts),
        passages=passages,
        conversions=criterion.payload.get("unit_conversions") or {},
        precedence=criterion.payload.get("precedence") or (),
    )
    if criterion.kind == "judged":
        return needs_human(criterion, "model_unavailable", ["MODEL_UNAVAILABLE"], (), language)
    if criterion.kind == "formula":
        return decide_formula(criterion, grounds, cohort, absence, language)
    if criterion.kind == "evidenced":
        return decide_checklist(criterion, grounds, absence, language)
    return _TESTED[criterion.kind](criterion, grounds, absence, language)


def _veto(criterion: Criterion, grounds: Grounds, absence: Sequence[str], language: str) -> RuleResult:
    finding = evaluate_test(criterion.payload["test"], grounds)
    hits = [support for support in finding.supports if support.affirms]
    is_text_hit = finding.truth is None and finding.cause == CONFLICT and any(s.fact is None for s in hits)
    if (finding.truth is True and finding.supports) or is_text_hit:
        result = decided(criterion, "fail", Decimal(0), "red_line", finding.supports, language)
        reasons = ("RED_LINE", CONFLICT) if is_text_hit else ("RED_LINE",)
        return replace(result, reasons=(*result.reasons, *reasons))
    if finding.truth is None and not finding.missing:
        return _unknown(criterion, finding, language, extra=("RED_LINE",))
    return _cleared(criterion, finding, grounds, absence, language)


def _cleared(
    criterion: Criterion, finding: Finding, grounds: Grounds, absence: Sequence[str], language: str
) -> RuleResult:
    """Not hit: pass needs a citation, from the denial itself or from `clear_when`."""
    supports = finding.supports
    clear: Mapping[str, Any] | None = criterion.payload.get("clear_when")
    if clear:
        clearing = evaluate_test(clear, grounds)
        supports += clearing.supports if clearing.truth is True else ()
    if not supports:
        return absent(criterion, absence, language)
    shown = tuple(replace(support, affirms=True) for support in supports)
    return decided(criterion, "pass", Decimal(0), "red_line_clear", shown, language)


def _limit(criterion: Criterion, grounds: Grounds, absence: Sequence[str], language: str) -> RuleResult:
    finding = evaluate_test(criterion.payload["test"], grounds)
    if finding.truth is True and criterion.payload.get("formula"):
        score = steps_score(criterion, grounds)
        if score is None:
            return needs_human(criterion, "undefined", ["INSUFFICIENT_EVIDENCE"], finding.supports, language)
        return _met(criterion, finding, score, absence, language)
    return _by_truth(criterion, finding, absence, language)


def _material(criterion: Criterion, grounds: Grounds, absence: Sequence[str], language: str) -> RuleResult:
    return _by_truth(criterion, evaluate_test(criterion.payload["test"], grounds), absence, language)


def _by_truth(criterion: Criterion, finding: Finding, absence: Sequence[str], language: str) -> RuleResult:
    """True scores all, cited False scores nothing, found nothing is absence, anything else goes to a person."""
    if finding.missing:
        return absent(criterion, absence, language)
    if finding.truth is True:
        return _met(criterion, finding, criterion.max_score, absence, language)
    if finding.truth is False:
        return decided(criterion, "fail", Decimal(0), "not_met", finding.supports, language)
    return _unknown(criterion, finding, language)


def _met(criterion: Criterion, finding: Finding, score: Decimal, absence: Sequence[str], language: str) -> RuleResult:
    if not finding.supports:
        return absent(criterion, absence, language)
    return decided(criterion, "pass", score, "met", finding.supports, language)


def _unknown(criterion: Criterion, finding: Finding, language: str, extra: Sequence[str] = ()) -> RuleResult:
    cause = finding.cause or "INSUFFICIENT_EVIDENCE"
    key = "conflict" if cause == CONFLICT else "insufficient"
    return needs_human(criterion, key, [*extra, cause], finding.supports, language)


_TESTED: dict[str, Callable[[Criterion, Grounds, Sequence[str], str], RuleResult]] = {
    "veto": _veto,
    "numeric_limit": _limit,
    "required_material": _material,
}
