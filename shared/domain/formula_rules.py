"""Score a criterion by its formula, alone or against all valid bids of the tender (E18, E22, E23)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from shared.domain.criteria import Criterion
from shared.domain.fact_extraction import reconcile
from shared.domain.facts import Fact
from shared.domain.formulas import COHORT_FORMULAS, formula_score, rounded
from shared.domain.rule_results import PENDING, SCORED, RuleResult, absent, decided, needs_human
from shared.domain.rule_tests import Grounds, own_facts, support_of
from shared.domain.text_tests import CONFLICT, INSUFFICIENT
from shared.domain.units import convert


@dataclass(frozen=True, slots=True, kw_only=True)
class FormulaInput:
    """One bid's value for a formula; `amount` is None with the `cause` when it is missing, disputed or unreadable."""

    amount: Decimal | None
    currency: str | None = None
    unit: str | None = None
    tax: str | None = None
    facts: tuple[Fact, ...] = ()
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The values of all valid bids, this one included; not `comparable` when currencies, units or tax bases differ."""

    amounts: tuple[Decimal, ...]
    comparable: bool = True


def cohort_of(inputs: Sequence[FormulaInput]) -> Cohort:
    """The cohort of the valid bids' inputs; bids without a value are left out (E22)."""
    stated = [entry for entry in inputs if entry.amount is not None]
    same = len({(entry.currency, entry.unit) for entry in stated}) <= 1
    taxed = {entry.tax for entry in stated}
    amounts = tuple(entry.amount for entry in stated if entry.amount is not None)
    return Cohort(amounts=amounts, comparable=same and not {"incl", "excl"} <= taxed)


def formula_input(criterion: Criterion, facts: Sequence[Fact]) -> FormulaInput:
    """The value that the criterion's formula reads from one bid's facts."""
    return _input(criterion, Grounds(facts=reconcile(facts), precedence=criterion.payload.get("precedence") or ()))


def _input(criterion: Criterion, grounds: Grounds) -> FormulaInput:
    formula = criterion.payload["formula"]
    facts = own_facts(str(formula["fact"]), grounds)
    if formula.get("tax"):
        facts = [fact for fact in facts if fact.value.get("tax") in (formula["tax"], None)]
    if not facts:
        return FormulaInput(amount=None, cause="NOT_FOUND")
    disputed = any(fact.state == "conflict" for fact in facts) and "words_over_figures" not in grounds.precedence
    amounts = {_amount(fact, criterion) for fact in facts}
    if disputed or len(amounts) > 1:
        return FormulaInput(amount=None, facts=tuple(facts), cause=CONFLICT)
    amount = amounts.pop()
    first = facts[0]
    return FormulaInput(
        amount=amount,
        currency=formula.get("currency") or first.currency,
        unit=formula.get("unit") or first.unit,
        tax=next((fact.value["tax"] for fact in facts if fact.value.get("tax")), None),
        facts=tuple(facts),
        cause=None if amount is not None else INSUFFICIENT,
    )


def _amount(fact: Fact, criterion: Criterion) -> Decimal | None:
    """The amount in the formula's unit and currency, converted only as the pack declares."""
    formula, declared = criterion.payload["formula"], criterion.payload.get("unit_conversions") or {}
    if fact.value.get("ambiguous") or "amount" not in fact.value:
        return None
    amount: Decimal | None = Decimal(str(fact.value["amount"]))
    for own, wanted in ((fact.unit, formula.get("unit")), (fact.currency, formula.get("currency"))):
        if amount is not None and wanted:
            amount = convert(amount, own, wanted, declared)
    return amount


def steps_score(criterion: Criterion, grounds: Grounds) -> Decimal | None:
    """The points of a table of steps for a numeric limit that is met; None when the value is in no step."""
    entry = _input(criterion, grounds)
    if entry.amount is None:
        return None
    score = formula_score(criterion.payload["formula"], criterion.max_score, entry.amount, ())
    return None if score is None else rounded(score)


def decide_formula(
    criterion: Criterion, grounds: Grounds, cohort: Cohort | None, absence: Sequence[str], language: str
) -> RuleResult:
    """The value must be found and undisputed; a formula over all bids waits for the cohort (`pending_cohort`)."""
    formula = criterion.payload["formula"]
    entry = _input(criterion, grounds)
    if entry.cause == "NOT_FOUND":
        return absent(criterion, absence, language)
    supports = [support_of(fact, grounds) for fact in entry.facts]
    if entry.amount is None:
        key = "conflict" if entry.cause == CONFLICT else "insufficient"
        return needs_human(criterion, key, [entry.cause or INSUFFICIENT], supports, language)
    needs_cohort = formula["kind"] in COHORT_FORMULAS
    if needs_cohort and cohort is not None and not cohort.comparable:
        return needs_human(criterion, "not_comparable", [INSUFFICIENT], supports, language)
    if needs_cohort and cohort is None:
        pending = decided(criterion, "pass", Decimal(0), "pending_cohort", supports, language)
        if pending.score_state != SCORED:
            return pending
        return replace(pending, score_state=PENDING, score=None, low=Decimal(0), high=criterion.max_score)
    try:
        score = formula_score(formula, criterion.max_score, entry.amount, cohort.amounts if cohort else ())
    except ValueError:
        score = None
    if score is None:
        return needs_human(criterion, "undefined", [INSUFFICIENT], supports, language)
    decimals = int(criterion.payload.get("decimals") or 2)
    return decided(criterion, "pass", rounded(score, decimals), "computed", supports, language)
