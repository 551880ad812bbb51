"""Five dashboards of a stage: service, quality, process, cost and tenant (spec section 1)."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.aws.stages import Stage
from infra.aws.workflows import FILES

WIDTH, HEIGHT = 12, 6
FIVE = Duration.minutes(5)


class _Widgets:
    """Graphs over the metrics of one stage."""

    def __init__(self, stage: str, prefix: str, api: str) -> None:
        self._stage, self._prefix, self._api = stage, prefix, api

    def ours(self, title: str, *names: str, statistic: str = "Sum") -> Any:
        """Metrics of the product without further labels."""
        dimensions = {"stage": self._stage}
        return _graph(title, [_metric("Bidproof", name, dimensions, statistic) for name in names])

    def by(self, title: str, name: str, label: str, *, statistic: str = "Sum") -> Any:
        """A metric of the product, one line for each value of a label."""
        search = (
            f"SEARCH('{{Bidproof,stage,{label}}} MetricName=\"{name}\" stage=\"{self._stage}\"', '{statistic}', 300)"
        )
        return _graph(title, [cloudwatch.MathExpression(expression=search, using_metrics={}, label="", period=FIVE)])

    def outcomes(self, title: str, name: str, label: str) -> Any:
        """Calls that did not end well, one line for each caller and outcome."""
        search = (
            f'SEARCH(\'{{Bidproof,stage,{label},outcome}} MetricName="{name}" stage="{self._stage}"'
            " NOT outcome=\"done\"', 'Sum', 300)"
        )
        return _graph(title, [cloudwatch.MathExpression(expression=search, using_metrics={}, label="", period=FIVE)])

    def named(self, title: str, namespace: str, dimension: str, name: str, statistic: str = "Sum") -> Any:
        """A metric of AWS for everything whose name begins with the stage's prefix."""
        search = (
            f'SEARCH(\'{{{namespace},{dimension}}} MetricName="{name}" {dimension}="{self._prefix.rstrip("-")}"\','
            f" '{statistic}', 300)"
        )
        return _graph(title, [cloudwatch.MathExpression(expression=search, using_metrics={}, label="", period=FIVE)])

    def api(self, title: str, *rows: tuple[str, str]) -> Any:
        """Metrics of the HTTP API, each with its statistic."""
        return _graph(title, [_metric("AWS/ApiGateway", name, {"ApiId": self._api}, how) for name, how in rows])

    def requests(self, title: str, *lines: str) -> Any:
        """A question to the log of the API function: what no metric may have a label for."""
        return cloudwatch.LogQueryWidget(
            title=title,
            log_group_names=[f"/aws/lambda/{self._prefix}api"],
            query_lines=["filter event = 'BP_API_ANSWERED'", *lines],
            width=WIDTH,
            height=HEIGHT,
        )


def add_dashboards(scope: Construct, *, stage: Stage, prefix: str, api: str, alarms: Mapping[str, Any]) -> None:
    """Add the five dashboards to the stack."""
    widgets = _Widgets(stage.name, prefix, api)
    rows = {
        "service": [_alarms(alarms), *_service(widgets)],
        "quality": _quality(widgets),
        "process": _process(widgets),
        "cost": _cost(widgets),
        "tenant": _tenant(widgets),
    }
    for name, found in rows.items():
        pairs = [found[start : start + 2] for start in range(0, len(found), 2)]
        cloudwatch.Dashboard(
            scope,
            f"{name.title()}Dashboard",
            dashboard_name=f"{prefix}{name}",
            widgets=pairs,
            default_interval=Duration.hours(12),
        )


def _alarms(alarms: Mapping[str, Any]) -> Any:
    """The state of the alarms, at most the 100 that a widget shows."""
    return cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms.values())[:100], width=24, height=6)


def _service(widgets: _Widgets) -> list[Any]:
    return [
        widgets.api("Requests", ("Count", "Sum"), ("4xx", "Sum"), ("5xx", "Sum")),
        widgets.api("Latency, ms", ("Latency", "p50"), ("Latency", "p95"), ("Latency", "p99")),
        widgets.by("Errors by class", "api_errors", "error_class"),
        widgets.ours("429 and cold starts", "api_throttled", "cold_starts"),
        widgets.named("Errors of functions", "AWS/Lambda", "FunctionName", "Errors"),
        widgets.named("Duration of functions, p95, ms", "AWS/Lambda", "FunctionName", "Duration", "p95"),
        widgets.named("Connections of the database", "AWS/RDS", "ProxyName", "ClientConnections", "Maximum"),
        widgets.ours("Breakers open", "breakers_open", statistic="Maximum"),
    ]


def _quality(widgets: _Widgets) -> list[Any]:
    return [
        widgets.ours("Pages, chunks, criteria", "pages_parsed", "chunks_made", "criteria_planned"),
        widgets.ours("Evaluations and reports", "evaluations_scored", "reports_built"),
        widgets.ours("Failed jobs per job of 24 h", "run_failure_share", statistic="Maximum"),
        widgets.outcomes("Steps that did not end well", "step_runs", "step"),
        widgets.ours("Corrupted data, illegal transitions", "corrupted_data", "illegal_transitions"),
        widgets.ours("Chunks acknowledged by the index", "chunks_indexed"),
    ]


def _process(widgets: _Widgets) -> list[Any]:
    arn = "StateMachineArn"
    return [
        _graph(
            "Executions that did not succeed",
            [
                cloudwatch.MathExpression(
                    expression=f"SEARCH('{{AWS/States,{arn}}} MetricName=\"{name}\" \"{machine}\"', 'Sum', 300)",
                    using_metrics={},
                    label="",
                    period=FIVE,
                )
                for machine in FILES
                for name in ("ExecutionsFailed", "ExecutionsTimedOut")
            ],
        ),
        widgets.by("Time of steps, p95, s", "step_duration_seconds", "step", statistic="p95"),
        widgets.named("Waiting messages", "AWS/SQS", "QueueName", "ApproximateNumberOfMessagesVisible", "Maximum"),
        widgets.named("Oldest message, s", "AWS/SQS", "QueueName", "ApproximateAgeOfOldestMessage", "Maximum"),
        widgets.ours("Reviews", "open_reviews", "overdue_reviews", statistic="Maximum"),
        widgets.ours("Oldest review, s", "oldest_review_seconds", statistic="Maximum"),
        widgets.ours("Dead letters", "dead_letters_open", statistic="Maximum"),
        widgets.ours("Oldest event in the outbox, s", "outbox_oldest_seconds", statistic="Maximum"),
        widgets.by("What sweeps repaired", "sweep_repaired", "sweep"),
        widgets.by("Steps tried again", "step_retries", "step"),
    ]


def _cost(widgets: _Widgets) -> list[Any]:
    return [
        widgets.named("Time of functions, ms", "AWS/Lambda", "FunctionName", "Duration"),
        widgets.named("Calls of functions", "AWS/Lambda", "FunctionName", "Invocations"),
        widgets.named(
            "Units of the database", "AWS/RDS", "DBClusterIdentifier", "ServerlessDatabaseCapacity", "Average"
        ),
        widgets.api("Requests", ("Count", "Sum"), ("DataProcessed", "Sum")),
        widgets.ours("Pages and evaluations", "pages_parsed", "evaluations_scored"),
        widgets.named("Messages sent", "AWS/SQS", "QueueName", "NumberOfMessagesSent"),
    ]


def _tenant(widgets: _Widgets) -> list[Any]:
    return [
        widgets.ours("Largest tenant's share of the running jobs", "tenant_share", statistic="Maximum"),
        widgets.by("Jobs that wait for a slot", "jobs_queued", "lane", statistic="Maximum"),
        widgets.ours("Attempts to cross a tenant, denied accesses", "security_events", "denied_accesses"),
        widgets.ours("Oldest waiting job, s", "oldest_queued_seconds", statistic="Maximum"),
        widgets.requests("Requests by tenant", "stats count(*) as requests by tenant_id", "sort requests desc"),
        widgets.requests(
            "Errors by tenant",
            "filter status >= 400",
            "stats count(*) as errors by tenant_id, error_code",
            "sort errors desc",
        ),
    ]


def _metric(namespace: str, name: str, dimensions: Mapping[str, str], statistic: str) -> Any:
    return cloudwatch.Metric(
        namespace=namespace, metric_name=name, dimensions_map=dict(dimensions), statistic=statistic, period=FIVE
    )


def _graph(title: str, lines: list[Any]) -> Any:
    return cloudwatch.GraphWidget(title=title, left=lines, width=WIDTH, height=HEIGHT)
