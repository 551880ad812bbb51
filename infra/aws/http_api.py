"""The HTTP API: JWT authorizer, throttling, access logs, one function behind it (design section 7)."""

import json
from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.aws.identity import Identity
from infra.aws.stages import LOG_DAYS, Stage

_LOGGED = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "route": "$context.routeKey",
    "path": "$context.path",
    "status": "$context.status",
    "latency": "$context.responseLatency",
    "integration": "$context.integrationLatency",
    "bytes": "$context.responseLength",
    "ip": "$context.identity.sourceIp",
    "subject": "$context.authorizer.claims.sub",
    "error": "$context.error.message",
}
OPEN_PATHS = ("/health/live", "/health/ready", "/openapi.json")


class HttpInterface(Construct):
    """`api` and its `stage`."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, prefix: str, identity: Identity, alias: Any) -> None:
        super().__init__(scope, id)
        self.api = gateway.HttpApi(
            self,
            "Api",
            api_name=prefix.rstrip("-"),
            create_default_stage=False,
            default_authorizer=authorizers.HttpJwtAuthorizer("Jwt", identity.issuer, jwt_audience=identity.audiences),
        )
        behind = integrations.HttpLambdaIntegration("Function", alias)
        methods = [getattr(gateway.HttpMethod, name) for name in ("GET", "POST", "PUT", "PATCH", "DELETE")]
        self.api.add_routes(path="/api/v1/{proxy+}", methods=methods, integration=behind)
        for path in OPEN_PATHS:
            self.api.add_routes(
                path=path,
                methods=[gateway.HttpMethod.GET],
                integration=behind,
                authorizer=gateway.HttpNoneAuthorizer(),
            )
        group = logs.LogGroup(
            self,
            "AccessLogs",
            log_group_name=f"/aws/vendedlogs/{prefix}http",
            retention=logs.RetentionDays[LOG_DAYS[stage.log_days]],
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.stage = self.api.add_stage(
            "Stage",
            stage_name="$default",
            auto_deploy=True,
            throttle=gateway.ThrottleSettings(rate_limit=stage.api_rate, burst_limit=stage.api_burst),
            detailed_metrics_enabled=True,
        )
        self.stage.node.default_child.access_log_settings = gateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=group.log_group_arn, format=json.dumps(_LOGGED)
        )
