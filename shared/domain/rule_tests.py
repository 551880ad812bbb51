"""Evaluate the test of a rule: on facts, on words, on materials, and combined by all_of, any_of, none_of (E36, E37)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.evidence import Passage
from shared.domain.facts import Fact
from shared.domain.material_tests import evaluate_material
from shared.domain.operators import compare, plain, reading, sum_equals
from shared.domain.text_tests import CONFLICT, INSUFFICIENT, Finding, Support, evaluate_text
from shared.domain.truth import Truth, all_true, any_true, opposite


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What a test may look at: the facts of one bid (reconciled), the passages found for the criterion, and the
    conversions and precedence the pack declares."""

    facts: Sequence[Fact] = ()
    passages: Sequence[Passage] = ()
    conversions: Mapping[str, str] = field(default_factory=dict)
    precedence: Sequence[str] = ()


def evaluate_test(test: Mapping[str, Any], grounds: Grounds) -> Finding:
    """Evaluate any test of a rule pack; the pack was checked on reading, so an unknown form raises KeyError."""
    for name in ("all_of", "any_of", "none_of"):
        if name in test:
            return _combined(name, [evaluate_test(part, grounds) for part in test[name]])
    if "material" in test:
        return evaluate_material(test, grounds.passages)
    if "text" in test:
        return evaluate_text(test, grounds.passages)
    return _evaluate_fact(test, grounds)


def _combined(name: str, parts: Sequence[Finding]) -> Finding:
    truths = [part.truth for part in parts]
    truth = all_true(truths) if name == "all_of" else any_true(truths)
    truth = opposite(truth) if name == "none_of" else truth
    decisive = opposite(truth) if name == "none_of" else truth
    telling = [part for part in parts if part.truth == decisive]
    supports = tuple(support for part in telling for support in part.supports)
    cause = None if truth is not None else next((p.cause for p in parts if p.cause), INSUFFICIENT)
    return Finding(truth, supports, missing=bool(telling) and all(p.missing for p in telling), cause=cause)


def own_facts(name: str, grounds: Grounds) -> list[Fact]:
    """The facts of a field that count: a person's word before readings, clear readings before ambiguous ones."""
    group = [fact for fact in grounds.facts if fact.field == name]
    decided = [fact for fact in group if fact.state in ("confirmed", "corrected")]
    clear = [fact for fact in group if not fact.value.get("ambiguous")]
    if "words_over_figures" in grounds.precedence:
        clear = [fact for fact in clear if fact.value.get("form") == "words"] or clear
    return decided or clear or group


def support_of(fact: Fact, grounds: Grounds, *, affirms: bool = True) -> Support:
    """The place of a fact, in the passage that holds it where there is one."""
    chunk = next((p.chunk for p in grounds.passages if p.chunk.chunk_id == fact.chunk_id), None)
    return Support(chunk, fact.start, fact.end, affirms=affirms, fact=fact, note=fact.raw_text)


def _evaluate_fact(test: Mapping[str, Any], grounds: Grounds) -> Finding:
    facts = own_facts(str(test["fact"]), grounds)
    op = str(test["op"])
    if op == "not_exists":
        supports = tuple(support_of(fact, grounds) for fact in facts)
        return Finding(not facts, supports, missing=not facts)
    if not facts:
        return Finding(False if op in ("exists", "count_ge") else None, missing=True, cause=INSUFFICIENT)
    if op in _GROUPS:
        truth = _GROUPS[op](test, facts, grounds)
        return Finding(
            truth, tuple(support_of(f, grounds) for f in facts), cause=None if truth is not None else CONFLICT
        )
    return _compared(test, facts, grounds)


def _compared(test: Mapping[str, Any], facts: Sequence[Fact], grounds: Grounds) -> Finding:
    """Every reading must give the same answer; a conflict between places is unknown whatever each would give."""
    wanted = _wanted(test)
    truths = [compare(str(test["op"]), _value(fact), wanted, grounds.conversions) for fact in facts]
    disputed = any(fact.state == "conflict" for fact in facts) and "words_over_figures" not in grounds.precedence
    if disputed or {True, False} <= set(truths):
        return Finding(None, tuple(support_of(fact, grounds) for fact in facts), cause=CONFLICT)
    truth = all_true(truths)
    supports = tuple(support_of(fact, grounds, affirms=truth is not False) for fact in facts)
    return Finding(truth, supports, cause=None if truth is not None else INSUFFICIENT)


def _value(fact: Fact) -> dict[str, Any]:
    return reading(fact.value, fact.unit, fact.currency)


def _wanted(test: Mapping[str, Any]) -> Any:
    """The value of the test with its unit, which may stand inside the value or beside it."""
    value, unit = test.get("value"), test.get("unit")
    if test["op"] == "between" and isinstance(value, list):
        return [reading(end, unit) for end in value]
    if test["op"] in ("in", "not_in") and isinstance(value, list):
        return [reading(item, unit) for item in value]
    return value if test["op"] in ("matches", "contains_all", "contains_any", "within") else reading(value, unit)


def _same(test: Mapping[str, Any], facts: Sequence[Fact], grounds: Grounds) -> Truth:
    """All readings of the field agree, and with those of another field where one is named."""
    other = test.get("value")
    others = own_facts(str(other["fact"]), grounds) if isinstance(other, Mapping) else []
    if isinstance(other, Mapping) and not others:
        return None
    first = facts[0]
    return all_true(_agrees(first, fact, grounds) for fact in [*facts[1:], *others])


def _agrees(left: Fact, right: Fact, grounds: Grounds) -> Truth:
    if "text" in left.value and "text" in right.value:
        return plain(left.value["text"]) == plain(right.value["text"])
    return compare("eq", _value(left), _value(right), grounds.conversions)


def _summed(test: Mapping[str, Any], facts: Sequence[Fact], grounds: Grounds) -> Truth:
    value = test["value"]
    if isinstance(value, Mapping) and "fact" in value:
        totals = own_facts(str(value["fact"]), grounds)
        return (
            all_true(sum_equals([_value(f) for f in facts], _value(t), grounds.conversions) for t in totals)
            if totals
            else None
        )
    return sum_equals([_value(f) for f in facts], reading(value, test.get("unit")), grounds.conversions)


_GROUPS: dict[str, Callable[[Mapping[str, Any], Sequence[Fact], Grounds], Truth]] = {
    "exists": lambda test, facts, grounds: True,
    "count_ge": lambda test, facts, grounds: len({plain(_value(fact)) for fact in facts}) >= int(test["value"]),
    "sum_eq": _summed,
    "same_as": _same,
}
