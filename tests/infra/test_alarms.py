"""Alarms of the templates: whom they wake, what they look at, what mutes them (spec O15-O27)."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.aws.alarm_rows import read_rows
from infra.aws.alarms import SEVERITIES, all_rows
from infra.aws.alarms_data import connection_limit
from infra.aws.catalogue import CATALOGUE
from infra.aws.stages import read_stage
from infra.aws.workflows import FILES
from shared.domain.metrics import METRICS
from tests.infra.conftest import Templates

ROOT = Path(__file__).parents[2]
Ask = Callable[[str], Templates]
STAGES = ("dev", "prod")
ALARM, COMPOSITE = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"
TOLD = re.compile(
    r".{20,} \| severity (P[012]) \| owner (platform|product|security) \| runbook docs/runbooks/[a-z-]+\.md"
    r" \| changed in \d+\.\d+\.\d+"
)


def watch(templates: Ask, stage: str, kind: str) -> dict[str, dict[str, Any]]:
    """Properties of the watch stack's resources of a type."""
    found = templates(stage).of["watch"]["Resources"]
    return {id: body["Properties"] for id, body in found.items() if body["Type"] == kind}


def looked_at(alarm: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(namespace, name, dimensions) of every metric of an alarm."""
    metrics = [row["MetricStat"]["Metric"] for row in alarm.get("Metrics", []) if "MetricStat" in row] or [alarm]
    return [
        (m["Namespace"], m["MetricName"], {d["Name"]: d["Value"] for d in m.get("Dimensions", [])}) for m in metrics
    ]


def all_looks(templates: Ask, stage: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [look for alarm in watch(templates, stage, ALARM).values() for look in looked_at(alarm)]


@pytest.mark.parametrize("stage", STAGES)
def test_every_alarm_names_severity_owner_runbook_and_last_change(templates: Ask, stage: str) -> None:
    made = templates(stage).resources(ALARM) | templates(stage).resources(COMPOSITE)
    alarms = {id: body["Properties"] for id, body in made.items()}
    assert len(alarms) > 120, "those that take a deployment back are among them"
    assert [id for id, alarm in alarms.items() if not TOLD.fullmatch(alarm.get("AlarmDescription", ""))] == []
    for alarm in alarms.values():
        runbook = re.search(r"docs/runbooks/[a-z-]+\.md", alarm["AlarmDescription"])
        assert runbook and (ROOT / runbook.group()).is_file()


@pytest.mark.parametrize("stage", STAGES)
def test_every_alarm_tells_the_topic_of_its_severity_at_its_begin_and_end(templates: Ask, stage: str) -> None:
    topics = {
        id: t["TopicName"].rpartition("-")[2].upper() for id, t in watch(templates, stage, "AWS::SNS::Topic").items()
    }
    assert set(topics.values()) == set(SEVERITIES)
    muted = {row.name for row in all_rows(read_stage(stage)) if row.muted_by}
    for alarm in (watch(templates, stage, ALARM) | watch(templates, stage, COMPOSITE)).values():
        name = str(alarm["AlarmName"]).removeprefix(f"bidproof-{stage}-")
        if name in muted:
            assert "AlarmActions" not in alarm, f"{name} tells by its composite alarm"
            continue
        for told in (alarm["AlarmActions"], alarm["OKActions"]):
            match = TOLD.fullmatch(alarm["AlarmDescription"])
            assert match and [topics[action["Ref"]] for action in told] == [match.group(1)], name


@pytest.mark.parametrize("stage", STAGES)
def test_topics_are_encrypted_and_taken_over_tls_only(templates: Ask, stage: str) -> None:
    assert all(topic["KmsMasterKeyId"] for topic in watch(templates, stage, "AWS::SNS::Topic").values())
    for policy in watch(templates, stage, "AWS::SNS::TopicPolicy").values():
        rules = policy["PolicyDocument"]["Statement"]
        assert any(
            r["Effect"] == "Deny" and r["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for r in rules
        )
        allowed = json.dumps([r["Principal"] for r in rules if r["Effect"] == "Allow"])
        assert "cloudwatch.amazonaws.com" in allowed and "*" not in allowed


@pytest.mark.parametrize("stage", STAGES)
def test_every_queue_is_watched_for_age_and_depth_and_every_dead_letter_queue_for_standing_messages(
    templates: Ask, stage: str
) -> None:
    names = {q["Properties"]["QueueName"] for q in templates(stage).resources("AWS::SQS::Queue").values()}
    looks = {(name, d["QueueName"]) for space, name, d in all_looks(templates, stage) if space == "AWS/SQS"}
    dead = {name for name in names if name.endswith("-dead")}
    assert dead and names - dead
    assert {queue for name, queue in looks if name == "ApproximateAgeOfOldestMessage"} == names - dead
    assert {queue for name, queue in looks if name == "ApproximateNumberOfMessagesVisible"} == names


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_of_the_catalogue_is_in_a_group(templates: Ask, metric: str) -> None:
    looks = [
        d["FunctionName"] for space, name, d in all_looks(templates, "dev") if (space, name) == ("AWS/Lambda", metric)
    ]
    assert sorted(looks) == sorted(f"bidproof-dev-{name}" for name in CATALOGUE)


def test_no_alarm_has_more_metrics_than_metric_math_takes(templates: Ask) -> None:
    assert max(len(alarm.get("Metrics", [])) for alarm in watch(templates, "dev", ALARM).values()) <= 10


def test_every_machine_is_watched_for_failed_timed_out_and_throttled_executions(templates: Ask) -> None:
    looks = {(name, json.dumps(d)) for space, name, d in all_looks(templates, "dev") if space == "AWS/States"}
    for machine in FILES:
        found = {name for name, where in looks if f':bidproof-dev-{machine}"' in where}
        assert found == {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionThrottled"}, machine


@pytest.mark.parametrize("stage", STAGES)
def test_an_alarm_over_our_own_metrics_asks_for_one_that_is_emitted_with_these_dimensions(
    templates: Ask, stage: str
) -> None:
    ours = [(name, d) for space, name, d in all_looks(templates, stage) if space == "Bidproof"]
    assert ours
    for name, dimensions in ours:
        assert set(dimensions) == {"stage", *METRICS[name].dimensions}, name
        assert dimensions["stage"] == stage


@pytest.mark.parametrize("stage", STAGES)
def test_what_an_alarm_counts_in_log_lines_is_filtered_from_the_functions_logs(templates: Ask, stage: str) -> None:
    counted = [name for space, name, _ in all_looks(templates, stage) if space == "Bidproof/Logs"]
    filters = watch(templates, stage, "AWS::Logs::MetricFilter").values()
    groups: dict[str, set[str]] = {}
    for one in filters:
        groups.setdefault(one["MetricTransformations"][0]["MetricName"], set()).add(one["LogGroupName"])
    assert set(groups) == set(counted)
    logs = {g["Properties"].get("LogGroupName") for g in templates(stage).resources("AWS::Logs::LogGroup").values()}
    assert set.union(*groups.values()) <= logs
    everywhere = groups[f"TenantCrossed-{stage}"] | groups[f"TenantRefused-{stage}"]
    assert everywhere == {f"/aws/lambda/bidproof-{stage}-{name}" for name in CATALOGUE}


def test_the_lines_that_the_filters_count_are_those_that_the_product_writes() -> None:
    from infra.aws.alarms import COUNTED

    for problem in ("silent", "failed"):
        pattern = COUNTED[f"Sweeps{problem.title()}"][1]
        assert f'$.event = "BP_ALARM_SWEEP_{problem.upper()}"' in pattern and '$.logger = "bidproof.alarm"' in pattern


@pytest.mark.parametrize("stage", STAGES)
def test_a_warning_is_silent_while_its_critical_alarm_rings(templates: Ask, stage: str) -> None:
    rows = {row.name: row for row in all_rows(read_stage(stage))}
    order = list(SEVERITIES)
    composites = {c["AlarmName"]: c for c in watch(templates, stage, COMPOSITE).values()}
    alarms = {id: alarm["AlarmName"] for id, alarm in watch(templates, stage, ALARM).items()}
    assert {f"bidproof-{stage}-{row.name}-unmuted" for row in rows.values() if row.muted_by} == set(composites)
    for row in rows.values():
        if not row.muted_by:
            continue
        critical = rows[row.muted_by]
        assert order.index(critical.severity) < order.index(row.severity), f"{row.name} is muted by a lesser alarm"
        made = composites[f"bidproof-{stage}-{row.name}-unmuted"]
        assert alarms[made["ActionsSuppressor"]["Fn::GetAtt"][0]] == f"bidproof-{stage}-{critical.name}"
        assert made["ActionsSuppressorWaitPeriod"] == 20  # O27, grouping


def test_silence_of_the_one_who_watches_is_an_alarm() -> None:
    quiet = [row for row in read_rows() if row.missing == "breaching"]
    assert [(row.name, row.below, row.seconds * row.of) for row in quiet] == [("sweep-watch-silent", 1, 1800)]


def test_an_alarm_looks_one_way_and_never_past_what_cloudwatch_keeps() -> None:
    for row in all_rows(read_stage("prod")):
        assert (row.above is None) != (row.below is None), row.name
        assert row.seconds in (60, 300, 600, 900, 1800, 3600, 86_400), row.name
        assert row.seconds * row.of <= (86_400 if row.seconds < 3600 else 7 * 86_400), row.name
        assert row.expression or len(row.sources) == 1, row.name


def test_a_place_that_no_stage_has_would_be_seen(templates: Ask) -> None:
    for stage in STAGES:
        text = json.dumps(watch(templates, stage, ALARM))
        assert re.findall(r'"(\{[a-z:_]+\})"', text) == []


def test_connections_follow_the_size_of_the_database() -> None:
    assert connection_limit(read_stage("dev")) == 450  # 2 units of 2 GiB over 9,531,392 bytes
    assert connection_limit(read_stage("prod")) <= 5000


@pytest.mark.parametrize("stage", STAGES)
def test_a_month_of_money_is_told_at_four_steps(templates: Ask, stage: str) -> None:
    (budget,) = watch(templates, stage, "AWS::Budgets::Budget").values()
    steps = [row["Notification"]["Threshold"] for row in budget["NotificationsWithSubscribers"]]
    assert steps == [50, 75, 90, 100]
    assert budget["Budget"]["BudgetLimit"]["Amount"] == read_stage(stage).monthly_budget


def test_there_are_five_dashboards_and_they_ask_for_metrics_that_exist(templates: Ask) -> None:
    boards = watch(templates, "dev", "AWS::CloudWatch::Dashboard")
    names = {board["DashboardName"].removeprefix("bidproof-dev-") for board in boards.values()}
    assert names == {"service", "quality", "process", "cost", "tenant"}
    text = json.dumps(boards).replace("\\", "")
    for name in re.findall(r'"Bidproof","(\w+)"', text):
        assert METRICS[name].dimensions == (), name
    for labels, name in re.findall(r"SEARCH\('\{Bidproof,stage,([\w,]+)\} MetricName=\"(\w+)\"", text):
        assert METRICS[name].dimensions == tuple(labels.split(",")), name
