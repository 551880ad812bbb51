"""Check the tests of a rule pack: known operators, the values they need, safe patterns, bounded depth (E36)."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.domain.errors import Refused
from shared.domain.material_tests import MATERIAL_OPERATORS
from shared.domain.operators import COMBINATIONS, COMPARISONS, GROUP_OPERATORS, OPERATORS, VALUE_OPERATORS
from shared.domain.patterns import compile_pattern
from shared.domain.rule_pack_checks import a_date, a_list, a_number, a_text, a_whole, an_object, invalid, one_of, texts
from shared.domain.text_tests import TEXT_OPERATORS
from shared.domain.units import UNITS

MAX_DEPTH = 4
_FACT_OPERATORS = (*VALUE_OPERATORS, *GROUP_OPERATORS)


def check_test(test: Any, path: str, depth: int = 0) -> None:
    """Raise RULE_PACK_INVALID or RULE_OPERATOR_UNKNOWN, with the path, unless the test can be evaluated."""
    found = an_object(test, path)
    combined = [name for name in COMBINATIONS if name in found]
    if combined:
        if len(found) != 1 or depth >= MAX_DEPTH:
            raise invalid(path, f"one combination alone, at most {MAX_DEPTH} deep")
        parts = a_list(found[combined[0]], f"{path}.{combined[0]}", least=1, most=20)
        for i, part in enumerate(parts):
            check_test(part, f"{path}.{combined[0]}[{i}]", depth + 1)
        return
    subjects = [name for name in ("fact", "text", "material") if name in found]
    if len(subjects) != 1:
        raise invalid(path, "needs exactly one of fact, text, material, all_of, any_of, none_of")
    operator = found.get("op")
    if operator not in OPERATORS:
        details = {"path": f"{path}.op", "operator": operator}
        raise Refused("RULE_OPERATOR_UNKNOWN", f"{path}.op: {operator!r} is not an operator", details=details)
    _SUBJECTS[subjects[0]](found, path)


def facts_of(test: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every fact test inside a checked test."""
    for name in COMBINATIONS:
        if name in test:
            return [inner for part in test[name] for inner in facts_of(part)]
    return [test] if "fact" in test else []


def _check_fact(test: dict[str, Any], path: str) -> None:
    an_object(test, path, known=("fact", "op", "value", "unit"))
    a_text(test["fact"], f"{path}.fact", most=64)
    op, value, at = one_of(test["op"], f"{path}.op", _FACT_OPERATORS), test.get("value"), f"{path}.value"
    if op in ("exists", "not_exists") or (op == "same_as" and value is None):
        return
    if value is None:
        raise invalid(at, f"{op} needs a value")
    check = _VALUES.get(op, _check_reading)
    check(value, at)


def _check_reading(value: Any, path: str) -> None:
    """A number, a text, or {"amount", "unit"?, "currency"?, "tax"?}, or {"fact"} where one is compared with another."""
    if not isinstance(value, Mapping):
        if isinstance(value, str):
            a_text(value, path)
        else:
            a_number(value, path)
        return
    if "fact" in value:
        an_object(value, path, known=("fact",))
        return
    found = an_object(value, path, known=("amount", "unit", "currency", "tax"), required=("amount",))
    a_number(found["amount"], f"{path}.amount")
    if found.get("tax") is not None:
        one_of(found["tax"], f"{path}.tax", ("incl", "excl"))


def _check_bound(value: Any, path: str) -> None:
    """The bound of an order: a number or an amount with its unit, never a text."""
    _check_reading(value, path)
    if isinstance(value, str):
        a_number(value, path)


def _check_pair(value: Any, path: str) -> None:
    for i, end in enumerate(a_list(value, path, least=2, most=2)):
        _check_bound(end, f"{path}[{i}]")


def _check_choices(value: Any, path: str) -> None:
    for i, item in enumerate(a_list(value, path, least=1, most=50)):
        _check_reading(item, f"{path}[{i}]")


def _check_window(value: Any, path: str) -> None:
    found = an_object(value, path, known=("amount", "unit", "before"), required=("amount", "unit", "before"))
    a_number(found["amount"], f"{path}.amount")
    one_of(found["unit"], f"{path}.unit", ("calendar_day", "week", "month", "year"))
    a_date(found["before"], f"{path}.before")


def _check_count(value: Any, path: str) -> None:
    a_whole(value, path, least=1, most=1000)


def _check_pattern(value: Any, path: str) -> None:
    try:
        compile_pattern(a_text(value, path, most=200))
    except Refused as error:
        raise invalid(path, str(error)) from error


def _check_phrases(value: Any, path: str) -> None:
    texts(value, path)


def _check_day(value: Any, path: str) -> None:
    a_date(value, path)


_VALUES: dict[str, Callable[[Any, str], None]] = {
    **dict.fromkeys((op for op in COMPARISONS if op not in ("eq", "ne")), _check_bound),
    "between": _check_pair,
    "in": _check_choices,
    "not_in": _check_choices,
    "contains_all": _check_phrases,
    "contains_any": _check_phrases,
    "matches": _check_pattern,
    "date_before": _check_day,
    "date_after": _check_day,
    "valid_on": _check_day,
    "within": _check_window,
    "count_ge": _check_count,
}


def _check_text(test: dict[str, Any], path: str) -> None:
    """`text` is a phrase or {"any" or "terms", "near"?, "pattern"?}."""
    an_object(test, path, known=("text", "op", "value"))
    op, text = one_of(test["op"], f"{path}.op", TEXT_OPERATORS), test["text"]
    if isinstance(text, str):
        a_text(text, f"{path}.text", most=200)
        text = {"any": [text]}
    known = an_object(text, f"{path}.text", known=("any", "terms", "near", "pattern"))
    for i, group in enumerate(a_list(known.get("near", []), f"{path}.text.near", most=10)):
        (a_text if isinstance(group, str) else texts)(group, f"{path}.text.near[{i}]")
    if op == "matches":
        _check_pattern(known.get("pattern"), f"{path}.text.pattern")
        return
    texts(known.get("any", known.get("terms")), f"{path}.text.any")
    if op == "count_ge":
        _check_count(test.get("value"), f"{path}.value")


def _check_material(test: dict[str, Any], path: str) -> None:
    an_object(test, path, known=("material", "op", "value"))
    op, names = one_of(test["op"], f"{path}.op", MATERIAL_OPERATORS), test["material"]
    (a_text if isinstance(names, str) else texts)(names, f"{path}.material")
    if op == "valid_on":
        a_date(test.get("value"), f"{path}.value")


_SUBJECTS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "fact": _check_fact,
    "text": _check_text,
    "material": _check_material,
}


def check_unit(unit: Any, path: str) -> None:
    """Raise unless the unit is one of units.UNITS or a currency code."""
    if unit not in UNITS and not (isinstance(unit, str) and len(unit) == 3 and unit.isupper()):
        raise invalid(path, f"must be one of {', '.join(UNITS)} or a currency code")
