"""The environment template: three stages that pass, and every way to get one wrong named (spec O76)."""

import tomllib
from typing import Any

import pytest

from infra.aws.stages import TEMPLATE, StageInvalid, read_stage, stage_names


def template(**dev: Any) -> dict[str, Any]:
    text = tomllib.loads(TEMPLATE.read_text(encoding="utf-8"))
    return text | {"dev": {name: value for name, value in (text["dev"] | dev).items() if value is not None}}


def test_the_template_has_dev_staging_and_prod_and_all_are_valid() -> None:
    assert stage_names() == ["dev", "staging", "prod"]
    assert [read_stage(name).name for name in stage_names()] == ["dev", "staging", "prod"]


def test_every_variable_is_described_with_type_owner_and_meaning() -> None:
    described = tomllib.loads(TEMPLATE.read_text(encoding="utf-8"))["variables"]
    assert all({"type", "owner", "doc"} <= row.keys() and row["doc"] for row in described.values())


def test_an_unknown_stage_is_refused_with_the_known_ones() -> None:
    with pytest.raises(StageInvalid, match="dev, staging, prod"):
        read_stage("moon")


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(StageInvalid, match="api_rate is missing"):
        read_stage("dev", template(api_rate=None))


def test_a_value_of_another_type_is_named() -> None:
    with pytest.raises(StageInvalid, match="api_rate is no int"):
        read_stage("dev", template(api_rate="50"))


def test_an_unknown_variable_warns_and_changes_nothing() -> None:
    with pytest.warns(UserWarning, match="unknown variable surprise"):
        assert read_stage("dev", template(surprise=1)) == read_stage("dev")


@pytest.mark.parametrize(
    "wrong",
    [
        {"availability_zones": 4},
        {"nat_gateways": 3},
        {"database_min_acu": 3.0},
        {"database_max_acu": 500.0},
        {"canary_minutes": 7},
        {"log_days": 13},
        {"search_nodes": 0},
        {"console_origin": "http://bids.example.org"},
        {"console_origin": "https://bids.example.org/"},
        {"console_certificate": "arn:aws:acm:eu-central-1:123456789012:certificate/1"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_value_out_of_its_range_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(StageInvalid, match=next(iter(wrong))):
        read_stage("dev", template(**wrong))


@pytest.mark.parametrize("wrong", [{"deletion_protection": False}, {"canary_minutes": 0}])
def test_production_is_never_without_protection_and_canary(wrong: dict[str, Any]) -> None:
    text = tomllib.loads(TEMPLATE.read_text(encoding="utf-8"))
    with pytest.raises(StageInvalid, match="prod needs"):
        read_stage("prod", text | {"prod": text["prod"] | wrong})
