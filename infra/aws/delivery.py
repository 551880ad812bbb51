"""How a release gets its traffic: CodeDeploy with a canary, alarms that take it back, and hooks on the API.

A stack of its own that is deployed before the functions: it names them and what they are called by, so that the stack
of the functions, which is near CloudFormation's 500 resources, carries nothing of it but a policy at each alias."""

import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import ArnFormat, CfnCodeDeployLambdaAliasUpdate, CfnOutput, CfnUpdatePolicy, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.aws.alarm_rows import takes_back
from infra.aws.catalogue import CATALOGUE, FunctionRow
from infra.aws.functions import ALIAS
from infra.aws.stages import Stage

API = "api"
BEFORE, AFTER = "verify_release", "check_release"
MACHINES = ("ingest_document", "evaluate_bid")  # whose executions are what the product is for
FEWEST_EXECUTIONS, FAILED_PERCENT = 5, 5  # run success below 95 % (O11)
FEWEST_REQUESTS, ERROR_PERCENT = 20, 1  # a version that only fails makes 10 % of a canary's answers
BREACHES = 2  # O41


def shifts(row: FunctionRow) -> bool:
    """Whether callers name the alias of the function. Steps are called by version: their traffic is shifted by the
    alias of the state machine (decision 0008). Deployments call their own functions as they are."""
    return row.trigger in ("http", "queue", "sign_in") or row.trigger.startswith("schedule:")


SHIFTED = tuple(name for name, row in CATALOGUE.items() if shifts(row))


def deployment_config(stage: Stage) -> str:
    """CodeDeploy's own configurations: 10 % for so many minutes, then all; or all at once."""
    minutes = stage.canary_minutes
    return (
        f"CodeDeployDefault.LambdaCanary10Percent{minutes}Minutes" if minutes else "CodeDeployDefault.LambdaAllAtOnce"
    )


def alarm_names(prefix: str, name: str) -> list[str]:
    """What takes back a deployment of the function: its own errors, and the product's from end to end."""
    return [f"{prefix}release-{part}" for part in (name, "executions", "http")]


def shift_by_deployment(aliases: Mapping[str, Any], *, prefix: str, hooks: Mapping[str, Any]) -> None:
    """Let CodeDeploy move each alias that callers name; `hooks` are the functions called around the API's move."""
    for name in SHIFTED:
        around = {"before_allow_traffic_hook": BEFORE, "after_allow_traffic_hook": AFTER} if name == API else {}
        update = CfnCodeDeployLambdaAliasUpdate(
            application_name=prefix.rstrip("-"),
            deployment_group_name=f"{prefix}{name}",
            **{event: hooks[hook].function_name for event, hook in around.items() if hooks},
        )
        alias = aliases[name].node.default_child
        alias.cfn_options.update_policy = CfnUpdatePolicy(code_deploy_lambda_alias_update=update)
    for hook in hooks.values():  # an update policy alone does not make CloudFormation wait
        aliases[API].node.add_dependency(hook)


def deliver(stack: Stack, *, functions: Any, identity: Any, api: Any, prefix: str) -> None:
    """What the stack of the functions has of a delivery: a policy at each alias, the hooks' rights, one alarm.

    A stage with another issuer than Cognito has no machines to try a release as, so its API moves without hooks."""
    hooks = {name: functions.of[name] for name in (BEFORE, AFTER)} if identity.pool is not None else {}
    shift_by_deployment(functions.aliases, prefix=prefix, hooks=hooks)
    _http_alarm(stack, prefix=prefix, api=api)
    called = {BEFORE: functions.versions[API].function_arn, AFTER: f"{_function_arn(stack, prefix, API)}:{ALIAS}"}
    group = stack.format_arn(
        service="codedeploy",
        resource="deploymentgroup",
        resource_name=f"{prefix.rstrip('-')}/{prefix}{API}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    if hooks:  # for `make smoke`, which has no rights to read the settings of a function
        CfnOutput(stack, "SmokeMachines", value=_machines(identity))
    for name, hook in hooks.items():
        hook.add_environment("RELEASE_UNDER_TEST", _machines(identity, function=called[name]))
        rights = {
            "lambda:InvokeFunction": f"{_function_arn(stack, prefix, API)}:*",
            "cognito-idp:DescribeUserPoolClient": identity.pool.user_pool_arn,
            "codedeploy:PutLifecycleEventHookExecutionStatus": group,
        }
        for action, resource in rights.items():
            hook.role.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=[resource]))


def _machines(identity: Any, **more: str) -> str:
    """Where the smoke tenant's machines get their tokens, and in the setting of a hook what it calls; no secret."""
    clients = {role: client.user_pool_client_id for role, client in identity.machines.items()}
    told = {"user_pool": identity.pool.user_pool_id, "token_url": identity.token_url, "clients": clients}
    return json.dumps(told | more)


def _http_alarm(scope: Construct, *, prefix: str, api: Any) -> Any:
    """More than 1 % of answers are 5xx in 2 of 5 minutes, of 20 requests a minute at least."""
    every: dict[str, Any] = {"period": Duration.minutes(1), "statistic": "Sum"}
    return cloudwatch.Alarm(
        scope,
        "ReleaseHttp",
        alarm_name=f"{prefix}release-http",
        alarm_description=takes_back("answers 5xx of the HTTP API, percent"),
        metric=cloudwatch.MathExpression(
            expression=f"IF(requests >= {FEWEST_REQUESTS}, 100 * broken / requests, 0)",
            using_metrics={"broken": api.metric_server_error(**every), "requests": api.metric_count(**every)},
            period=Duration.minutes(1),
        ),
        threshold=ERROR_PERCENT,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods=5,
        datapoints_to_alarm=BREACHES,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )


class DeliveryStack(Stack):
    """`groups` by function: each with its alarms, taken back when a deployment fails, is stopped or alarms."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, **given: Any) -> None:
        super().__init__(scope, id, **given)
        self._stage, self._prefix = stage, f"bidproof-{stage.name}-"
        application = codedeploy.CfnApplication(
            self, "Application", application_name=self._prefix.rstrip("-"), compute_platform="Lambda"
        )
        self._role = self._deployer()
        self._executions()
        self.groups = {name: self._group(name, application) for name in SHIFTED}

    def _group(self, name: str, application: Any) -> Any:
        self._errors(name, CATALOGUE[name])
        group = codedeploy.CfnDeploymentGroup(
            self,
            f"Group{_camel(name)}",
            application_name=application.application_name,
            deployment_group_name=f"{self._prefix}{name}",
            deployment_config_name=deployment_config(self._stage),
            service_role_arn=self._role.role_arn,
            deployment_style=codedeploy.CfnDeploymentGroup.DeploymentStyleProperty(
                deployment_type="BLUE_GREEN", deployment_option="WITH_TRAFFIC_CONTROL"
            ),
            alarm_configuration=codedeploy.CfnDeploymentGroup.AlarmConfigurationProperty(
                enabled=True,
                alarms=[
                    codedeploy.CfnDeploymentGroup.AlarmProperty(name=alarm) for alarm in alarm_names(self._prefix, name)
                ],
            ),
            auto_rollback_configuration=codedeploy.CfnDeploymentGroup.AutoRollbackConfigurationProperty(
                enabled=True,
                events=["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"],
            ),
        )
        group.add_resource_dependency(application)
        return group

    def _errors(self, name: str, row: FunctionRow) -> None:
        """Errors of what is called by the alias, so of the new version too: in 2 of 15 minutes, because a canary of
        a schedule runs once in ten. A schedule that still runs is throttled, which is right and not counted."""
        function = f"{self._prefix}{name}"
        of_alias = {"FunctionName": function, "Resource": f"{function}:{ALIAS}"}
        counted = {
            metric.lower(): cloudwatch.Metric(
                namespace="AWS/Lambda",
                metric_name=metric,
                dimensions_map=of_alias,
                statistic="Sum",
                period=Duration.minutes(1),
            )
            for metric in (("Errors",) if row.trigger.startswith("schedule:") else ("Errors", "Throttles"))
        }
        cloudwatch.Alarm(
            self,
            f"Errors{_camel(name)}",
            alarm_name=f"{self._prefix}release-{name}",
            alarm_description=takes_back(f"{' and '.join(counted)} of {name} behind its alias"),
            metric=cloudwatch.MathExpression(
                expression=" + ".join(f"FILL({metric}, 0)" for metric in counted),
                using_metrics=counted,
                period=Duration.minutes(1),
            ),
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=15,
            datapoints_to_alarm=BREACHES,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _executions(self) -> None:
        """More than 5 % of the executions that started fail or time out, of 5 in 5 minutes at least, twice (O11)."""
        wanted = {"started": "ExecutionsStarted", "failed": "ExecutionsFailed", "late": "ExecutionsTimedOut"}
        metrics = {
            f"{short}{number}": cloudwatch.Metric(
                namespace="AWS/States",
                metric_name=metric,
                dimensions_map={"StateMachineArn": self._machine_arn(machine)},
                statistic="Sum",
                period=Duration.minutes(5),
            )
            for number, machine in enumerate(MACHINES)
            for short, metric in wanted.items()
        }
        filled = {short: " + ".join(f"FILL({short}{n}, 0)" for n in range(len(MACHINES))) for short in wanted}
        started, bad = filled["started"], f"{filled['failed']} + {filled['late']}"
        cloudwatch.Alarm(
            self,
            "ReleaseExecutions",
            alarm_name=f"{self._prefix}release-executions",
            alarm_description=takes_back("failed executions, percent"),
            metric=cloudwatch.MathExpression(
                expression=f"IF(({started}) >= {FEWEST_EXECUTIONS}, 100 * ({bad}) / ({started}), 0)",
                using_metrics=metrics,
                period=Duration.minutes(5),
            ),
            threshold=FAILED_PERCENT,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=BREACHES,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _machine_arn(self, name: str) -> str:
        arn: str = self.format_arn(
            service="states",
            resource="stateMachine",
            resource_name=f"{self._prefix}{name}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        return arn

    def _deployer(self) -> Any:
        """What AWSCodeDeployRoleForLambdaLimited allows, for the aliases and hooks of this stage only."""
        role = iam.Role(self, "Deployer", assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"))
        moves = ["lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig"]
        moved = [
            arn
            for name in SHIFTED
            for arn in (_function_arn(self, self._prefix, name), f"{_function_arn(self, self._prefix, name)}:{ALIAS}")
        ]
        role.add_to_policy(iam.PolicyStatement(actions=moves, resources=moved))
        hooks = [_function_arn(self, self._prefix, name) for name in (BEFORE, AFTER)]
        role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=hooks))
        role.add_to_policy(iam.PolicyStatement(actions=["cloudwatch:DescribeAlarms"], resources=["*"]))
        return role


def _function_arn(stack: Stack, prefix: str, name: str) -> str:
    arn: str = stack.format_arn(
        service="lambda",
        resource="function",
        resource_name=f"{prefix}{name}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return arn


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))
