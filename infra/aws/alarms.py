"""The watch stack: alarms, whom they wake, what mutes them, what is counted in log lines, and the dashboards."""

from collections.abc import Iterator
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.aws.alarm_rows import AlarmRow, Source, read_rows, told
from infra.aws.alarms_data import data_rows
from infra.aws.alarms_platform import platform_rows
from infra.aws.catalogue import CATALOGUE
from infra.aws.dashboards import add_dashboards
from infra.aws.stack import AppStack, DataStack
from infra.aws.stages import Stage

SEVERITIES = {"P0": "wakes somebody at once", "P1": "wakes somebody", "P2": "is seen to the same day"}
MAILED = ("P0", "P1")
GROUPING = Duration.seconds(20)  # O27: how long a warning waits for its critical alarm
BUDGET_STEPS = (50, 75, 90, 100)  # percent, O24
# metric of the namespace Bidproof/Logs: the functions whose log is read, and the lines that count
_SWEEPS = ("watch_sweeps",)
_API = ("api",)
_REST = tuple(name for name in CATALOGUE if name != "api")
_CROSSED = '{ $.error_code = "TENANT_SCOPE_VIOLATION" }'
COUNTED = {
    "SweepsSilent": (_SWEEPS, '{ $.logger = "bidproof.alarm" && $.event = "BP_ALARM_SWEEP_SILENT" }'),
    "SweepsFailed": (_SWEEPS, '{ $.logger = "bidproof.alarm" && $.event = "BP_ALARM_SWEEP_FAILED" }'),
    "TenantCrossed": (_REST, _CROSSED),
    "TenantRefused": (_API, _CROSSED),
}


def all_rows(stage: Stage) -> Iterator[AlarmRow]:
    """Every alarm of a stage."""
    yield from read_rows()
    yield from platform_rows()
    yield from data_rows(stage)


class WatchStack(Stack):
    """Everything that looks at a stage and changes nothing in it."""

    def __init__(
        self, scope: Construct, id: str, *, stage: Stage, data: DataStack, app: AppStack, **given: Any
    ) -> None:
        super().__init__(scope, id, **given)
        self.add_stack_dependency(app, "log groups are named here, not referred to")
        self._stage, self._prefix = stage, app.prefix
        self._places = {
            "stage": stage.name,
            "prefix": app.prefix,
            "api": app.http.api.api_id,
            "cluster": data.database.cluster.cluster_identifier,
            "proxy": app.prefix.rstrip("-"),
            "domain": data.search.domain.domain_name,
            "account": self.account,
        } | {f"machine:{name}": app.machine_arn(name) for name in app.workflows.machines}
        self.topics = {severity: self._topic(severity, data.keys.messages) for severity in SEVERITIES}
        rows = {row.name: row for row in all_rows(stage)}
        self.alarms = {row.name: self._alarm(row) for row in rows.values()}
        for row in rows.values():
            if row.muted_by:
                self._composite(row)
        self._count_lines()
        self._budget(data.keys.messages)
        add_dashboards(self, stage=stage, prefix=app.prefix, api=self._places["api"], alarms=self.alarms)

    def _topic(self, severity: str, key: Any) -> Any:
        topic = sns.Topic(
            self,
            f"Severity{severity}",
            topic_name=f"{self._prefix}{severity.lower()}",
            master_key=key,
            enforce_ssl=True,
        )
        topic.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
        if self._stage.alarm_email and severity in MAILED:
            topic.add_subscription(subscriptions.EmailSubscription(self._stage.alarm_email))
        return topic

    def _alarm(self, row: AlarmRow) -> Any:
        is_above = row.above is not None
        comparison = cloudwatch.ComparisonOperator
        alarm = cloudwatch.Alarm(
            self,
            _camel(row.name),
            alarm_name=f"{self._prefix}{row.name}",
            alarm_description=_told(row),
            metric=self._metric(row),
            threshold=row.above if is_above else row.below,
            comparison_operator=comparison.GREATER_THAN_THRESHOLD if is_above else comparison.LESS_THAN_THRESHOLD,
            evaluation_periods=row.of,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING
            if row.missing == "breaching"
            else cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        if not row.muted_by:  # a warning acts through its composite alarm
            self._act(alarm, row)
        return alarm

    def _act(self, alarm: Any, row: AlarmRow) -> None:
        tells = actions.SnsAction(self.topics[row.severity])
        alarm.add_alarm_action(tells)
        alarm.add_ok_action(tells)

    def _metric(self, row: AlarmRow) -> Any:
        found = [self._one(source, row) for source in row.sources]
        if not row.expression:
            return found[0]
        return cloudwatch.MathExpression(
            expression=row.expression,
            using_metrics={f"m{number}": metric for number, metric in enumerate(found)},
            period=Duration.seconds(row.seconds),
            label=row.name,
        )

    def _one(self, source: Source, row: AlarmRow) -> Any:
        return cloudwatch.Metric(
            namespace=source.namespace,
            metric_name=self._filled(source.name),
            dimensions_map={key: self._filled(value) for key, value in source.dimensions.items()} or None,
            statistic=row.statistic,
            period=Duration.seconds(row.seconds),
        )

    def _filled(self, text: str) -> str:
        for name, value in self._places.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def _composite(self, row: AlarmRow) -> None:
        """The warning, silent while its critical alarm rings (O27)."""
        composite = cloudwatch.CompositeAlarm(
            self,
            f"{_camel(row.name)}Unmuted",
            composite_alarm_name=f"{self._prefix}{row.name}-unmuted",
            alarm_description=_told(row),
            alarm_rule=cloudwatch.AlarmRule.from_alarm(self.alarms[row.name], cloudwatch.AlarmState.ALARM),
            actions_suppressor=self.alarms[row.muted_by],
            actions_suppressor_wait_period=GROUPING,
            actions_suppressor_extension_period=GROUPING,
        )
        self._act(composite, row)

    def _count_lines(self) -> None:
        for metric, (functions, pattern) in COUNTED.items():
            for function in functions:
                name = f"/aws/lambda/{self._prefix}{function}"
                id = f"{metric}{_camel(function.replace('_', '-'))}"
                logs.CfnMetricFilter(
                    self,
                    id,
                    log_group_name=name,
                    filter_pattern=pattern,
                    metric_transformations=[
                        logs.CfnMetricFilter.MetricTransformationProperty(
                            metric_namespace="Bidproof/Logs",
                            metric_name=f"{metric}-{self._stage.name}",
                            metric_value="1",
                            unit="Count",
                        )
                    ],
                )

    def _budget(self, key: Any) -> None:
        """The money of the stage in a month, told at 50, 75, 90 and 100 % (O24)."""
        service = iam.ServicePrincipal("budgets.amazonaws.com")
        key.grant_encrypt_decrypt(service)
        topic = self.topics["P1"]
        topic.grant_publish(service)
        subscriber = budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=self._prefix.rstrip("-"),
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=self._stage.monthly_budget, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:stage${self._stage.name}"]},
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        comparison_operator="GREATER_THAN", notification_type="ACTUAL", threshold=step
                    ),
                    subscribers=[subscriber],
                )
                for step in BUDGET_STEPS
            ],
        ).apply_removal_policy(RemovalPolicy.DESTROY)


def _told(row: AlarmRow) -> str:
    return told(row.about, severity=row.severity, owner=row.owner, runbook=row.runbook, since=row.since)


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.replace("_", "-").split("-"))
