"""Read a rule pack from its JSON, typed and checked, with weights along the path (E9, E14-E21, E81)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from shared.domain.criteria import KINDS, Criterion
from shared.domain.errors import Refused
from shared.domain.rule_pack_checks import (
    a_flag,
    a_list,
    a_number,
    a_text,
    a_whole,
    an_object,
    invalid,
    one_of,
    texts,
)
from shared.domain.rule_pack_kinds import check_kind
from shared.domain.rule_pack_lint import lint_criteria
from shared.domain.rule_pack_tests import check_test
from shared.domain.units import parse_conversion

SCHEMA_VERSION = 1
MAX_CRITERIA = 400
PACK_KEYS = ("schema_version", "code", "name", "language", "declared_total", "panel_size", "criteria", "description")
CRITERION_KEYS = (
    *("code", "parent_code", "kind", "title", "requirement", "source", "mandatory", "lot_ids", "max_score", "weight"),
    *("score_step", "decimals", "test", "clear_when", "checklist", "formula", "rubric", "doc_scope", "evidence_min"),
    *("evidence_max", "risk", "on_conflict", "unit_conversions", "precedence", "model", "queries", "depends_on"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePack:
    """A pack as read: `criteria` in order, groups included; `payload` is the JSON it came from."""

    code: str
    name: dict[str, str]
    language: str
    declared_total: Decimal
    panel_size: int
    criteria: tuple[Criterion, ...]
    payload: dict[str, Any]


def read_rule_pack(payload: Mapping[str, Any], *, new_id: Callable[[], str]) -> RulePack:
    """Check and type a pack of schema_version 1; `new_id` gives a criterion id per call.

    Raises Refused RULE_PACK_INVALID (with details.path), RULE_OPERATOR_UNKNOWN or RULE_PACK_CYCLE."""
    found = an_object(payload, "$", known=PACK_KEYS, required=("schema_version", "code", "name", "criteria"))
    one_of(found["schema_version"], "$.schema_version", (SCHEMA_VERSION,))
    language = one_of(found.get("language", "en"), "$.language", ("en", "zh"))
    rows = a_list(found["criteria"], "$.criteria", least=1, most=MAX_CRITERIA)
    criteria = [_criterion(row, f"$.criteria[{i}]", i, new_id) for i, row in enumerate(rows)]
    _check_tree(criteria)
    return RulePack(
        code=a_text(found["code"], "$.code", most=64),
        name=_titles(found["name"], "$.name"),
        language=language,
        declared_total=a_number(found.get("declared_total", "100"), "$.declared_total", least=Decimal("0.01")),
        panel_size=one_of(found.get("panel_size", 3), "$.panel_size", (1, 3, 4, 5, 6, 7)),
        criteria=tuple(_weighted(criteria)),
        payload=found,
    )


def _titles(value: Any, path: str) -> dict[str, str]:
    if isinstance(value, str):
        return {"en": a_text(value, path, most=200)}
    found = an_object(value, path, known=("en", "zh"))
    if not found:
        raise invalid(path, "needs a text in en or zh")
    return {key: a_text(text, f"{path}.{key}", most=200) for key, text in found.items()}


def _criterion(row: Any, path: str, ordinal: int, new_id: Callable[[], str]) -> Criterion:
    found = an_object(row, path, known=CRITERION_KEYS, required=("code", "kind", "title", "requirement"))
    kind = one_of(found["kind"], f"{path}.kind", KINDS)
    nothing = "0" if kind in ("veto", "group") else None
    criterion = Criterion(
        criterion_id=new_id(),
        code=a_text(found["code"], f"{path}.code", most=32),
        kind=kind,
        ordinal=ordinal,
        title=_titles(found["title"], f"{path}.title"),
        requirement=a_text(found["requirement"], f"{path}.requirement"),
        mandatory=a_flag(found.get("mandatory", kind == "veto"), f"{path}.mandatory"),
        max_score=a_number(
            found.get("max_score", nothing), f"{path}.max_score", least=Decimal(0), most=Decimal(100000)
        ),
        weight=Decimal(0),
        score_step=a_number(found.get("score_step", "0.5"), f"{path}.score_step", least=Decimal("0.001")),
        parent_code=found.get("parent_code"),
        doc_scope=tuple(texts(found.get("doc_scope", ["bid"]), f"{path}.doc_scope")),
        evidence_min=a_whole(found.get("evidence_min", 1), f"{path}.evidence_min", least=1, most=8),
        evidence_max=a_whole(found.get("evidence_max", 8), f"{path}.evidence_max", least=1, most=8),
        risk=one_of(found.get("risk", "normal"), f"{path}.risk", ("low", "normal", "high")),
        payload=found,
    )
    _check_rest(criterion, path)
    return criterion


def _check_rest(criterion: Criterion, path: str) -> None:
    """The optional parts: test and clear_when, conversions, queries, scoping; then what the kind demands."""
    found = criterion.payload
    if criterion.evidence_min > criterion.evidence_max:
        raise invalid(f"{path}.evidence_min", "is above evidence_max")
    for name in ("test", "clear_when"):
        if found.get(name) is not None:
            check_test(found[name], f"{path}.{name}")
    for unit, worth in an_object(found.get("unit_conversions") or {}, f"{path}.unit_conversions").items():
        try:
            parse_conversion(str(worth))
        except ValueError as error:
            raise invalid(f"{path}.unit_conversions.{unit}", 'must be like "30 calendar_day"') from error
    texts(found.get("queries", []), f"{path}.queries", least=0, most=10)
    for i, name in enumerate(a_list(found.get("precedence") or [], f"{path}.precedence", most=2)):
        one_of(name, f"{path}.precedence[{i}]", ("words_over_figures",))
    one_of(found.get("on_conflict", "needs_human"), f"{path}.on_conflict", ("needs_human",))
    one_of(found.get("model", "never"), f"{path}.model", ("never", "allowed"))
    if found.get("decimals") is not None:
        a_whole(found["decimals"], f"{path}.decimals", least=0, most=3)
    if found.get("weight") is not None:
        a_number(found["weight"], f"{path}.weight", least=Decimal(0), most=Decimal(1))
    check_kind(criterion, path)


def _check_tree(criteria: Sequence[Criterion]) -> None:
    """Codes are unique, parents are groups, and neither parents nor dependencies run in a circle (E14)."""
    by_code: dict[str, Criterion] = {}
    for i, criterion in enumerate(criteria):
        if criterion.code in by_code:
            raise invalid(f"$.criteria[{i}].code", f"{criterion.code} is used twice")
        by_code[criterion.code] = criterion
    needs: dict[str, list[str]] = {}
    for i, criterion in enumerate(criteria):
        at = f"$.criteria[{i}]"
        parent = criterion.parent_code
        if parent is not None and (parent not in by_code or by_code[parent].kind != "group"):
            raise invalid(f"{at}.parent_code", f"{parent} is not a group of this pack")
        depends = texts(criterion.payload.get("depends_on") or [], f"{at}.depends_on", least=0)
        for other in depends:
            if other not in by_code:
                raise invalid(f"{at}.depends_on", f"{other} is not in this pack")
        needs[criterion.code] = depends + ([parent] if parent else [])
    _check_acyclic(needs)


def _check_acyclic(needs: Mapping[str, Sequence[str]]) -> None:
    """Take away what needs nothing until nothing is left; what stays depends on itself."""
    left = {code: set(others) for code, others in needs.items()}
    while left:
        free = {code for code, others in left.items() if not others & left.keys()}
        if not free:
            raise Refused("RULE_PACK_CYCLE", details={"criteria": sorted(left)})
        left = {code: others for code, others in left.items() if code not in free}


def _weighted(criteria: Sequence[Criterion]) -> list[Criterion]:
    """Weights along the path: a declared share, or the share of the points among the siblings (E81), six decimals."""
    shares: dict[str, Decimal] = {}
    for parent in {criterion.parent_code for criterion in criteria}:
        siblings = [criterion for criterion in criteria if criterion.parent_code == parent]
        shares |= _shares(siblings, criteria)
    by_code = {criterion.code: criterion for criterion in criteria}
    out = []
    for criterion in criteria:
        weight, above = shares[criterion.code], criterion.parent_code
        while above is not None:
            weight, above = weight * shares[above], by_code[above].parent_code
        out.append(replace(criterion, weight=weight.quantize(Decimal("0.000001"))))
    return out


def _shares(siblings: Sequence[Criterion], criteria: Sequence[Criterion]) -> dict[str, Decimal]:
    points = {sibling.code: _points(sibling, criteria) for sibling in siblings}
    if all(sibling.payload.get("weight") is None for sibling in siblings):
        whole = sum(points.values(), Decimal(0))
        return {code: own / whole if whole else Decimal(0) for code, own in points.items()}
    given: dict[str, Decimal] = {}
    for sibling in siblings:
        declared = sibling.payload.get("weight")
        if declared is None and points[sibling.code] > 0:
            raise invalid(f"$.criteria[{sibling.ordinal}].weight", "is required where a sibling has one")
        given[sibling.code] = Decimal(0) if declared is None else Decimal(str(declared))
    if abs(sum(given.values(), Decimal(0)) - 1) > Decimal("0.000001"):
        raise invalid(f"$.criteria[{siblings[0].ordinal}].weight", "the weights of siblings must add up to 1")
    return given


def _points(criterion: Criterion, criteria: Sequence[Criterion]) -> Decimal:
    if criterion.kind != "group":
        return criterion.max_score
    children = [child for child in criteria if child.parent_code == criterion.code]
    return sum((_points(child, criteria) for child in children), Decimal(0))


def lint(pack: RulePack) -> list[dict[str, str]]:
    """Findings before review: {"code": "E32", "severity": "error" or "warning", "criterion", "message"} (E28-E35)."""
    return [finding.as_json() for finding in lint_criteria(pack.criteria, pack.declared_total)]
