"""What each kind of criterion must say to be decidable (E15-E21, E24)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from shared.domain.criteria import Criterion
from shared.domain.formulas import FORMULAS
from shared.domain.rule_pack_checks import a_flag, a_list, a_number, a_text, an_object, invalid, one_of
from shared.domain.rule_pack_tests import check_test, check_unit, facts_of

BANDS = ("full", "mostly", "partly", "not_met")
_FORMULA_KEYS = ("kind", "fact", "unit", "currency", "tax", "k", "a", "b", "drop_extremes", "best", "worst", "steps")


def check_kind(criterion: Criterion, path: str) -> None:
    """Raise RULE_PACK_INVALID unless the criterion has what its kind is decided by."""
    _KINDS[criterion.kind](criterion, path)


def _needs_test(criterion: Criterion, path: str) -> dict[str, Any]:
    if criterion.payload.get("test") is None:
        raise invalid(f"{path}.test", f"{criterion.kind} needs a test")
    return dict(criterion.payload["test"])


def _veto(criterion: Criterion, path: str) -> None:
    _needs_test(criterion, path)
    if criterion.max_score != 0:
        raise invalid(f"{path}.max_score", "a red line has no points")


def _limit(criterion: Criterion, path: str) -> None:
    if not facts_of(_needs_test(criterion, path)):
        raise invalid(f"{path}.test", "a numeric limit tests a fact")
    if criterion.payload.get("formula") is not None:
        check_formula(criterion.payload["formula"], f"{path}.formula")
        one_of(criterion.payload["formula"]["kind"], f"{path}.formula.kind", ("steps",))


def _material(criterion: Criterion, path: str) -> None:
    _needs_test(criterion, path)


def _formula(criterion: Criterion, path: str) -> None:
    check_formula(criterion.payload.get("formula"), f"{path}.formula")


def _evidenced(criterion: Criterion, path: str) -> None:
    items = a_list(criterion.payload.get("checklist"), f"{path}.checklist", least=1, most=50)
    codes = set()
    for i, item in enumerate(items):
        at = f"{path}.checklist[{i}]"
        keys = ("code", "requirement", "points", "test")
        found = an_object(item, at, known=keys, required=keys)
        codes.add(a_text(found["code"], f"{at}.code", most=32))
        a_text(found["requirement"], f"{at}.requirement")
        a_number(found["points"], f"{at}.points", least=Decimal(0))
        check_test(found["test"], f"{at}.test")
    if len(codes) != len(items):
        raise invalid(f"{path}.checklist", "a code is used twice")


def _judged(criterion: Criterion, path: str) -> None:
    rubric = an_object(criterion.payload.get("rubric"), f"{path}.rubric", known=("bands",), required=("bands",))
    bands = an_object(rubric["bands"], f"{path}.rubric.bands", known=BANDS, required=BANDS)
    for name, anchor in bands.items():
        a_text(anchor, f"{path}.rubric.bands.{name}")


def _group(criterion: Criterion, path: str) -> None:
    for name in ("test", "formula", "rubric", "checklist"):
        if criterion.payload.get(name):
            raise invalid(f"{path}.{name}", "a group has no verdict of its own")


_KINDS: dict[str, Callable[[Criterion, str], None]] = {
    "veto": _veto,
    "numeric_limit": _limit,
    "required_material": _material,
    "formula": _formula,
    "evidenced": _evidenced,
    "judged": _judged,
    "group": _group,
}


def check_formula(formula: Any, path: str) -> None:
    """Raise RULE_PACK_INVALID unless the formula names its fact and has every parameter of its kind (E35)."""
    found = an_object(formula, path, known=_FORMULA_KEYS, required=("kind", "fact"))
    kind = one_of(found["kind"], f"{path}.kind", FORMULAS)
    a_text(found["fact"], f"{path}.fact", most=64)
    for name in ("unit", "currency"):
        if found.get(name) is not None:
            check_unit(found[name], f"{path}.{name}")
    if found.get("tax") is not None:
        one_of(found["tax"], f"{path}.tax", ("incl", "excl"))
    if kind == "mean_deviation":
        a_number(found.get("k", "0"), f"{path}.k", least=Decimal("-0.5"), most=Decimal("0.5"))
        for name in ("a", "b"):
            a_number(found.get(name), f"{path}.{name}", least=Decimal(0))
        a_flag(found.get("drop_extremes", False), f"{path}.drop_extremes")
    if kind == "linear" and a_number(found.get("best"), f"{path}.best") == a_number(
        found.get("worst"), f"{path}.worst"
    ):
        raise invalid(f"{path}.worst", "is the same as best")
    if kind == "steps":
        for i, row in enumerate(a_list(found.get("steps"), f"{path}.steps", least=1, most=50)):
            _check_step(row, f"{path}.steps[{i}]")


def _check_step(row: Any, path: str) -> None:
    found = an_object(row, path, known=("from", "to", "points"), required=("points",))
    a_number(found["points"], f"{path}.points", least=Decimal(0))
    for name in ("from", "to"):
        if found.get(name) is not None:
            a_number(found[name], f"{path}.{name}")
