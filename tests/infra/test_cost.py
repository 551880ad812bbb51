"""What a stage costs is counted from its template, by hand for a small one, and nothing in it can be forgotten."""

import json
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from infra.aws.cost import StageCost, page, stage_cost
from infra.aws.idle_cost import COUNTED, FREE, WHEN_USED, Unpriced, idle_lines
from infra.aws.page_cost import EVALUATE, INGEST, Measured, Work, measured, page_lines
from infra.aws.prices import TABLE, PriceInvalid, read_prices
from infra.aws.stages import TEMPLATE, read_stage, stage_names
from infra.aws.workflows import FILES
from tests.infra.conftest import Templates

ROOT = Path(__file__).parents[2]
SMALL: dict[str, list[dict[str, Any]]] = {
    "AWS::EC2::VPCEndpoint": [
        {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b", "c"]},
        {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b", "c"]},
        {"VpcEndpointType": "Gateway"},
    ],
    "AWS::EC2::NatGateway": [{}, {}],
    "AWS::EC2::EIP": [{}, {}],
    "AWS::RDS::DBCluster": [
        {"ServerlessV2ScalingConfiguration": {"MinCapacity": 6}, "ManageMasterUserPassword": True},
    ],
    "AWS::RDS::DBInstance": [{}, {}],
    "AWS::RDS::DBProxy": [{}],
    "AWS::OpenSearchService::Domain": [
        {
            "ClusterConfig": {"InstanceCount": 3, "InstanceType": "r7g.large.search", "DedicatedMasterEnabled": False},
            "EBSOptions": {"VolumeSize": 200},
        }
    ],
    "AWS::KMS::Key": [{}, {}],
    "AWS::CloudWatch::Alarm": [
        {"MetricName": "Errors"},
        {"Metrics": [{"Expression": "a / b"}, {"MetricStat": {}}, {"MetricStat": {}}]},
    ],
    "AWS::Scheduler::Schedule": [
        {"Name": "bidproof-dev-relay_outbox", "ScheduleExpression": "rate(1 minute)"},
        {"Name": "bidproof-dev-clear_leftovers", "ScheduleExpression": "rate(1 hour)"},
    ],
    "AWS::WAFv2::WebACL": [{"Rules": [{}, {}, {}]}],
    "AWS::Cognito::UserPoolClient": [
        {"AllowedOAuthFlows": ["code"]},
        {},
        {"AllowedOAuthFlows": ["client_credentials"]},
        {"AllowedOAuthFlows": ["client_credentials"]},
    ],
    "AWS::EC2::VPC": [{}],
}


def template(resources: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    flat = [(kind, body) for kind, bodies in resources.items() for body in bodies]
    return {"one": {"Resources": {f"R{n}": {"Type": kind, "Properties": body} for n, (kind, body) in enumerate(flat)}}}


def parts(resources: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    return {line.part: line.usd for line in idle_lines(read_stage("dev"), template(resources), read_prices())}


@pytest.mark.parametrize(
    ("part", "by_hand"),
    [
        ("interface endpoints: 2, zones: 3", 2 * 3 * 730 * 0.012),
        ("NAT gateways: 2", 2 * 730 * 0.052),
        ("public addresses: 2", 2 * 730 * 0.005),
        ("Aurora, 12 ACU", 6 * 2 * 730 * 0.14),
        ("RDS Proxy, 12 ACU", 12 * 730 * 0.018),
        ("login of the administrator", 0.40),
        ("OpenSearch, 3 x r7g.large.search", 3 * 730 * 0.2136),
        ("OpenSearch volumes", 3 * 200 * 0.1464),
        ("KMS keys: 2", 2.00),
        ("alarms: 2", 3 * 0.10),
        ("schedules: 2", (43_800 + 730) / 1e6 * 1.00),
        # both have 512 MiB and take 0.2 s
        ("run time of the schedules", (43_800 + 730) * 0.2 * 0.5 * 0.0000133334),
        ("web ACLs: 1", 5.00),
        ("rules of the web ACLs", 3.00),
        ("machine clients of the user pool: 2", 12.00),
    ],
)
def test_each_part_of_a_small_template_costs_what_it_costs_by_hand(part: str, by_hand: float) -> None:
    assert parts(SMALL)[part] == pytest.approx(by_hand)


def test_a_database_that_may_pause_costs_the_smallest_that_runs_because_the_proxy_keeps_it_awake() -> None:
    small = SMALL | {
        "AWS::RDS::DBCluster": [{"ServerlessV2ScalingConfiguration": {"MinCapacity": 0}}],
        "AWS::RDS::DBInstance": [{}],
    }
    assert parts(small)["Aurora, 0.5 ACU"] == pytest.approx(0.5 * 730 * 0.14)
    assert parts(small)["RDS Proxy, 8 ACU"] == pytest.approx(8 * 730 * 0.018)


def test_a_resource_that_nobody_has_thought_of_is_named() -> None:
    with pytest.raises(Unpriced, match="AWS::ElastiCache::CacheCluster"):
        parts(SMALL | {"AWS::ElastiCache::CacheCluster": [{}]})


def test_an_instance_type_without_a_price_is_named() -> None:
    domain = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "x1.huge.search"}, "EBSOptions": {"VolumeSize": 1}}
    with pytest.raises(Unpriced, match=r"search_hour_x1\.huge\.search"):
        parts({"AWS::OpenSearchService::Domain": [domain]})


def test_no_type_stands_in_two_lists() -> None:
    assert not COUNTED.keys() & WHEN_USED.keys()
    assert not FREE & (COUNTED.keys() | WHEN_USED.keys())


def test_every_price_has_its_day_its_page_and_where_it_was_read_or_how_it_was_estimated() -> None:
    rows = read_prices().rows
    assert all(row.date.year >= 2026 and row.region == "eu-central-1" for row in rows.values())
    assert all(bool(row.reasoning) == row.estimate and bool(row.read_in) != row.estimate for row in rows.values())


@pytest.mark.parametrize(
    "wrong", [{"date": None}, {"source": "https://example.com"}, {"read_in": ""}, {"usd": 0}, {"estimate": True}]
)
def test_a_price_without_what_makes_it_believable_is_refused_by_name(wrong: dict[str, Any]) -> None:
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    table["price"]["nat_hour"] |= wrong
    with pytest.raises(PriceInvalid, match="nat_hour"):
        read_prices(table)


def test_every_price_and_assumption_is_used() -> None:
    used = "".join((ROOT / "infra" / "aws" / f"{name}.py").read_text() for name in ("cost", "idle_cost", "page_cost"))
    prices = read_prices()
    names = [name for name in (*prices.rows, *prices.assumptions) if not name.startswith("search_hour_")]
    assert [name for name in names if f'"{name}"' not in used] == []


@pytest.mark.parametrize(("machine", "way"), [("ingest_document", INGEST), ("evaluate_bid", EVALUATE)])
def test_the_states_that_are_paid_for_follow_each_other_in_the_machine(machine: str, way: list[str]) -> None:
    following: dict[str, set[str]] = {}

    def walk(states: dict[str, Any], after: str | None) -> None:
        for name, state in states.items():
            found = {state.get("Next"), state.get("Default"), *(rule["Next"] for rule in state.get("Choices", []))}
            if state["Type"] == "Map":
                inner = state["ItemProcessor"]
                walk(inner["States"], state["Next"])
                found = {inner["StartAt"]}
            if after and (state.get("End") or state["Type"] == "Succeed"):
                found.add(after)
            following[name] = {each for each in found if each}

    definition = json.loads(FILES[machine].read_text(encoding="utf-8"))
    walk(definition["States"], None)
    assert way[0] == definition["StartAt"]
    assert [(a, b) for a, b in pairwise(way) if b not in following[a]] == []
    assert not following[way[-1]]


def test_a_thousand_pages_cost_what_they_cost_by_hand() -> None:
    figures = Measured(0.004, 0.012, 0.003, 3.0, 2.0, {"api": 1.0, "claim_job": 0.5})
    lines = {line.part: line for line in page_lines(read_stage("dev"), read_prices(), figures)}
    # 20 bids of 50 pages, one range each: 14 states; 34 criteria in 8 groups: 15 states and 2 x 4 of each group
    assert lines["state transitions"].quantity == pytest.approx(20 * (14 + 15 + 2 * 4 * 8) / 1000)
    assert lines["state transitions"].usd == pytest.approx(20 * 93 / 1000 * 0.025)
    assert lines["API requests"].usd == pytest.approx(20 * 60 / 1e6 * 1.20)
    # CPU: pages, 3 chunks a page of 0.53 s, 17 judged a bid of 2 s; 15 % of it in PostgreSQL at a quarter vCPU an ACU
    cpu = 4 + 12 + 3 + 3 + 3000 * 0.53 + 20 * 17 * 2
    assert lines["Aurora under load, 1 instances"].quantity == pytest.approx(cpu * 0.15 / 0.25 / 3600)
    # parsing has more than a vCPU, so its time is its CPU time; cutting has 1,024 of 1,769 MB
    work = Work(read_prices(), figures)
    assert work.calls()["parse_range"] == 20 and work.calls()["evaluate_criteria"] == 20 * 8 * 2
    used = work.gb_seconds()
    assert used["parse_range"] == pytest.approx((20 * (0.25 + 0.1 * 1.0) + 12) * 4)
    assert used["chunk_document"] == pytest.approx(20 * (0.25 + 0.1 * 1.0) + 3 / (1024 / 1769))
    assert used["claim_job"] == pytest.approx(40 * (0.25 + 0.1 * 0.5) * 0.5)
    assert lines["run time of functions"].quantity == pytest.approx(sum(used.values()))


def test_the_stored_measurements_are_found() -> None:
    found = measured()
    assert 0 < found.parse_page < 1 and 0 < found.judged < 60 and found.chunks_a_page > 0 and "api" in found.imports


@pytest.fixture(scope="module")
def costs(templates: Callable[[str], Templates]) -> dict[str, StageCost]:
    return {name: stage_cost(name, templates(name).of, read_prices()) for name in stage_names()}


def test_every_stage_is_priced_whole_and_dev_is_the_cheapest_to_leave_alone(costs: dict[str, StageCost]) -> None:
    idle = {name: cost.sums(read_prices())[0] for name, cost in costs.items()}
    assert 0 < idle["dev"] < idle["staging"] < idle["prod"]


@pytest.mark.parametrize("name", stage_names())
def test_what_the_variables_of_a_stage_say_is_what_is_counted(costs: dict[str, StageCost], name: str) -> None:
    stage, counted = read_stage(name), {line.part: line.quantity for line in costs[name].idle}
    assert counted.get(f"NAT gateways: {stage.nat_gateways}", 0) == stage.nat_gateways * 730
    assert counted[f"OpenSearch, {stage.search_nodes} x {stage.search_instance}"] == stage.search_nodes * 730
    assert counted["OpenSearch volumes"] == stage.search_nodes * stage.search_volume_gib
    acus = max(0.5, stage.database_min_acu) * (1 + stage.database_readers)
    assert counted[f"Aurora, {acus:g} ACU"] == acus * 730


def test_the_page_marks_each_estimate_and_names_each_assumption(costs: dict[str, StageCost]) -> None:
    prices = read_prices()
    text = page(list(costs.values()), prices)
    assert all(f"`{name}`" in text for name in prices.assumptions)
    assert all(row.reasoning in text and row.source in text for row in prices.rows.values() if row.estimate)
    assert "| ~ 0.018 |" in text and "| 0.052 |" in text


def test_the_description_of_aws_has_every_variable_of_a_stage_with_its_values() -> None:
    template = tomllib.loads(TEMPLATE.read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    rows = [
        f"| `{name}` | {' | '.join(str(template[stage][name]) or '-' for stage in stage_names())} | {about['doc']} |"
        for name, about in template["variables"].items()
    ]
    assert [row for row in rows if row not in text] == []
