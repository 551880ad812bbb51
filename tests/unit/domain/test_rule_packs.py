"""A pack is read whole or refused with the place of what is wrong (E9, E14, E28-E35, E81)."""

import copy
import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import shared.domain
from shared.domain.errors import Refused
from shared.domain.rule_packs import CRITERION_KEYS, PACK_KEYS, RulePack, lint, read_rule_pack

SCHEMA: dict[str, Any] = json.loads(
    (Path(next(iter(shared.domain.__path__))) / "rule_pack.schema.json").read_text("utf-8")
)
TEXT_TEST = {"text": {"any": ["hotline"], "near": ["24", ["day", "night"]]}, "op": "exists"}
STATED = {"source": {"author_statement": "Tender, section 1"}}
PACK: dict[str, Any] = {
    "schema_version": 1,
    "code": "P-1",
    "name": {"en": "Pumps", "zh": "水泵"},
    "language": "en",
    "declared_total": "100",
    "panel_size": 1,
    "criteria": [
        {
            "code": "V",
            "kind": "veto",
            "title": {"en": "Exclusion"},
            "requirement": "No ground for exclusion",
            "test": {"text": "applies", "op": "exists"},
            "clear_when": TEXT_TEST,
            **STATED,
        },
        {"code": "T", "kind": "group", "title": {"en": "Technical"}, "requirement": "Technical part"},
        {
            "code": "T-1",
            "parent_code": "T",
            "kind": "numeric_limit",
            "title": "Delivery",
            "max_score": "10",
            "requirement": "Delivery within 60 calendar days",
            "test": {"fact": "delivery_period", "op": "le", "value": {"amount": 60, "unit": "calendar_day"}},
            "unit_conversions": {"month": "30 calendar_day"},
            **STATED,
        },
        {
            "code": "T-2",
            "parent_code": "T",
            "kind": "evidenced",
            "title": "Service",
            "max_score": "20",
            "requirement": "A hotline and a stock of spare parts",
            "checklist": [
                {"code": "a", "requirement": "hotline", "points": "12", "test": TEXT_TEST},
                {"code": "b", "requirement": "stock", "points": "8", "test": {"text": "stock", "op": "exists"}},
            ],
            **STATED,
        },
        {
            "code": "T-3",
            "parent_code": "T",
            "kind": "judged",
            "title": "Method",
            "max_score": "20",
            "requirement": "A good method",
            "rubric": {"bands": dict.fromkeys(("full", "mostly", "partly", "not_met"), "anchor")},
            "model": "allowed",
            **STATED,
        },
        {
            "code": "M",
            "kind": "required_material",
            "title": "Quality",
            "max_score": "10",
            "requirement": "ISO 9001 valid on 1 December 2026",
            "test": {"material": ["ISO 9001", "GB/T 19001"], "op": "valid_on", "value": "2026-12-01"},
            **STATED,
        },
        {
            "code": "P",
            "kind": "formula",
            "title": "Price",
            "max_score": "40",
            "requirement": "Price",
            "formula": {"kind": "lowest_ratio", "fact": "bid_price"},
            "depends_on": ["V"],
            **STATED,
        },
    ],
}


def read(payload: dict[str, Any]) -> RulePack:
    numbers = itertools.count()
    return read_rule_pack(payload, new_id=lambda: f"crt_{next(numbers)}")


def changed(**changes: Any) -> dict[str, Any]:
    """The pack with values set at paths such as criteria__2__test__op; Ellipsis takes a key away."""
    payload = copy.deepcopy(PACK)
    for path, value in changes.items():
        steps: list[Any] = [int(step) if step.isdigit() else step for step in path.split("__")]
        place: Any = payload
        for step in steps[:-1]:
            place = place[step]
        if value is ...:
            del place[steps[-1]]
        else:
            place[steps[-1]] = value
    return payload


def test_a_pack_of_every_kind_is_read() -> None:
    pack = read(PACK)
    assert [criterion.kind for criterion in pack.criteria] == [row["kind"] for row in PACK["criteria"]]
    assert [criterion.ordinal for criterion in pack.criteria] == list(range(7))
    assert (pack.declared_total, pack.panel_size, pack.language) == (Decimal(100), 1, "en")
    assert pack.criteria[0].mandatory is True
    assert pack.criteria[2].title == {"en": "Delivery"}
    assert pack.criteria[2].payload["test"]["op"] == "le"
    assert len({criterion.criterion_id for criterion in pack.criteria}) == 7


def test_weights_of_a_pack_in_points_come_from_the_points() -> None:
    weights = {criterion.code: criterion.weight for criterion in read(PACK).criteria}
    leaves = {code: weights[code] for code in ("V", "T-1", "T-2", "T-3", "M", "P")}
    assert leaves == {code: Decimal(w) for code, w in zip(leaves, "0 0.1 0.2 0.2 0.1 0.4".split(), strict=True)}
    assert weights["T"] == Decimal("0.5")


def test_declared_weights_multiply_along_the_path() -> None:
    shares = {"criteria__1__weight": "0.6", "criteria__5__weight": "0.1", "criteria__6__weight": "0.3"}
    inner = {"criteria__2__weight": "0.5", "criteria__3__weight": "0.25", "criteria__4__weight": "0.25"}
    weights = {c.code: c.weight for c in read(changed(**shares, **inner)).criteria if c.kind != "group"}
    assert weights["T-1"] == Decimal("0.3")
    assert sum(weights.values()) == 1


def test_the_published_schema_accepts_the_pack_and_names_the_same_keys() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(PACK, SCHEMA)
    assert set(SCHEMA["properties"]) == set(PACK_KEYS)
    assert set(SCHEMA["$defs"]["criterion"]["properties"]) == set(CRITERION_KEYS)


WRONG_SHAPE: list[tuple[dict[str, Any], str]] = [
    ({"schema_version": 2}, "$.schema_version"),
    ({"code": ...}, "$.code"),
    ({"surprise": 1}, "$.surprise"),
    ({"language": "fr"}, "$.language"),
    ({"panel_size": 2}, "$.panel_size"),
    ({"declared_total": 99.5}, "$.declared_total"),
    ({"criteria": []}, "$.criteria"),
    ({"name": {}}, "$.name"),
    ({"criteria__0__kind": "guess"}, "$.criteria[0].kind"),
    ({"criteria__0__tset": {}}, "$.criteria[0].tset"),
    ({"criteria__2__requirement": " "}, "$.criteria[2].requirement"),
    ({"criteria__2__max_score": 1.5}, "$.criteria[2].max_score"),
    ({"criteria__2__max_score": ...}, "$.criteria[2].max_score"),
    ({"criteria__2__test": ...}, "$.criteria[2].test"),
    ({"criteria__2__evidence_max": 9}, "$.criteria[2].evidence_max"),
    ({"criteria__2__mandatory": "yes"}, "$.criteria[2].mandatory"),
    ({"criteria__2__unit_conversions": {"month": "about 30"}}, "$.criteria[2].unit_conversions.month"),
    ({"criteria__3__checklist": []}, "$.criteria[3].checklist"),
    ({"criteria__4__rubric__bands__full": ...}, "$.criteria[4].rubric.bands.full"),
    ({"criteria__5__test__value": "1.12.2026"}, "$.criteria[5].test.value"),
    ({"criteria__6__formula": ...}, "$.criteria[6].formula"),
    ({"criteria__6__formula__kind": "secret"}, "$.criteria[6].formula.kind"),
]
WRONG_SENSE: list[tuple[dict[str, Any], str]] = [
    ({"criteria__0__max_score": "5"}, "$.criteria[0].max_score"),
    ({"criteria__2__test__value": {"amount": "soon"}}, "$.criteria[2].test.value.amount"),
    ({"criteria__2__test__value": ...}, "$.criteria[2].test.value"),
    ({"criteria__2__test": TEXT_TEST}, "$.criteria[2].test"),
    ({"criteria__2__code": "T"}, "$.criteria[2].code"),
    ({"criteria__2__parent_code": "M"}, "$.criteria[2].parent_code"),
    ({"criteria__2__evidence_min": 5, "criteria__2__evidence_max": 4}, "$.criteria[2].evidence_min"),
    ({"criteria__2__weight": "0.5"}, "$.criteria[3].weight"),
    (
        {"criteria__1__weight": "0.6", "criteria__5__weight": "0.1", "criteria__6__weight": "0.1"},
        "$.criteria[0].weight",
    ),
    ({"criteria__5__test": {"text": {"pattern": "(a+)+"}, "op": "matches"}}, "$.criteria[5].test.text.pattern"),
    ({"criteria__5__test": {"all_of": [TEXT_TEST], "fact": "x"}}, "$.criteria[5].test"),
    ({"criteria__5__test__op": "le"}, "$.criteria[5].test.op"),
    (
        {"criteria__6__formula": {"kind": "linear", "fact": "f", "best": "1", "worst": "1"}},
        "$.criteria[6].formula.worst",
    ),
    ({"criteria__6__formula": {"kind": "mean_deviation", "fact": "f", "b": "1"}}, "$.criteria[6].formula.a"),
    ({"criteria__6__depends_on": ["X"]}, "$.criteria[6].depends_on"),
]


@pytest.mark.parametrize(("changes", "path"), WRONG_SHAPE + WRONG_SENSE)
def test_what_is_wrong_is_named_with_its_path(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(changed(**changes))
    assert (refusal.value.code, refusal.value.details["path"]) == ("RULE_PACK_INVALID", path)


@pytest.mark.parametrize(("changes", "path"), WRONG_SHAPE)
def test_the_published_schema_refuses_the_same_shapes(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(**changes), SCHEMA)


@pytest.mark.parametrize("place", ["criteria__2__test__op", "criteria__0__clear_when__op", "criteria__5__test__op"])
def test_an_unknown_operator_has_its_own_code(place: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(changed(**{place: "roughly"}))
    assert refusal.value.code == "RULE_OPERATOR_UNKNOWN"
    assert refusal.value.details["operator"] == "roughly"


def test_criteria_that_need_each_other_are_refused() -> None:
    with pytest.raises(Refused) as refusal:
        read(changed(criteria__0__depends_on=["P"]))
    assert (refusal.value.code, refusal.value.details) == ("RULE_PACK_CYCLE", {"criteria": ["P", "V"]})
    with pytest.raises(Refused) as refusal:
        read(changed(criteria__1__parent_code="T"))
    assert refusal.value.code == "RULE_PACK_CYCLE"


@pytest.mark.parametrize("payload", [None, [], "pack", {1: 2}])
def test_what_is_no_object_is_refused(payload: Any) -> None:
    with pytest.raises(Refused) as refusal:
        read(payload)
    assert refusal.value.code == "RULE_PACK_INVALID"


def test_a_sound_pack_has_no_findings() -> None:
    assert lint(read(PACK)) == []


LINT: list[tuple[dict[str, Any], tuple[str, str, str]]] = [
    ({"criteria__2__source": ...}, ("E11", "error", "T-1")),
    ({"criteria__2__requirement": "Delivery as soon as possible"}, ("E28", "warning", "T-1")),
    ({"criteria__2__requirement": "合理的交货期"}, ("E28", "warning", "T-1")),
    ({"criteria__0__requirement": "信誉良好"}, ("E28", "error", "V")),
    ({"criteria__2__requirement": "Delivery date to be agreed"}, ("E29", "error", "T-1")),
    ({"criteria__5__test": {"all_of": [TEXT_TEST, {"text": "x", "op": "exists"}]}}, ("E30", "warning", "M")),
    ({"criteria__2__test__value": {"amount": 60}}, ("E31", "error", "T-1")),
    ({"criteria__2__test__value": {"amount": 60, "unit": "moon"}}, ("E31", "error", "T-1")),
    ({"criteria__2__test__fact": "bid_price"}, ("E31", "error", "T-1")),
    ({"criteria__2__test__fact": "mood"}, ("E31", "error", "T-1")),
    ({"criteria__3__checklist__0__points": "10"}, ("E32", "error", "T-2")),
    ({"declared_total": "90"}, ("E32", "error", "")),
    ({"criteria__2__mandatory": True}, ("E34", "warning", "T-1")),
    ({"criteria__3__requirement": "Delivery within 60 calendar days"}, ("E34", "warning", "T-2")),
]


@pytest.mark.parametrize(("changes", "finding"), LINT)
def test_lint_finds_what_a_reviewer_should_see(changes: dict[str, Any], finding: tuple[str, str, str]) -> None:
    found = [(item["code"], item["severity"], item["criterion"]) for item in lint(read(changed(**changes)))]
    assert found == [finding]


def test_lint_finds_steps_with_a_gap() -> None:
    steps = [{"to": "10", "points": "40"}, {"from": "20", "points": "0"}]
    formula = {"kind": "steps", "fact": "delivery_period", "unit": "calendar_day", "steps": steps}
    assert [item["code"] for item in lint(read(changed(criteria__6__formula=formula)))] == ["E32"]


@pytest.mark.parametrize("key", ["en", "zh"])
def test_the_packs_of_the_demo_are_sound(key: str) -> None:
    path = Path(__file__).parents[3] / "demo" / key / "rules.json"
    payload = json.loads(path.read_text("utf-8"))
    jsonschema.validate(payload, SCHEMA)
    assert lint(read(payload)) == []
