"""What every stage promises to the outside: API, sign-in, firewall, console, network (spec S6, S7, S9, S82, S96)."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.aws.http_api import OPEN_PATHS
from infra.aws.identity import SMOKE_ROLES, SMOKE_TENANT
from infra.aws.stages import read_stage
from shared.domain.ids import is_id
from tests.infra.conftest import Templates
from tests.infra.template_parts import STAGES, written

pytestmark = pytest.mark.parametrize("stage", STAGES)
Asked = Callable[[str], Templates]


def only(made: Templates, kind: str) -> dict[str, Any]:
    [body] = made.resources(kind).values()
    return body["Properties"]


def test_every_business_route_wants_a_token_and_only_health_and_contract_do_not(templates: Asked, stage: str) -> None:
    made = templates(stage)
    routes = {
        body["Properties"]["RouteKey"]: body["Properties"]
        for body in made.resources("AWS::ApiGatewayV2::Route").values()
    }
    assert {key for key, row in routes.items() if row["AuthorizationType"] == "NONE"} == {
        f"GET {p}" for p in OPEN_PATHS
    }
    guarded = {key: row for key, row in routes.items() if row["AuthorizationType"] != "NONE"}
    assert guarded.keys() == {f"{method} /api/v1/{{proxy+}}" for method in ("GET", "POST", "PUT", "PATCH", "DELETE")}
    [authorizer] = made.resources("AWS::ApiGatewayV2::Authorizer")
    assert all(row["AuthorizationType"] == "JWT" for row in guarded.values())
    assert all(row["AuthorizerId"] == {"Ref": authorizer} for row in guarded.values())
    settings = only(made, "AWS::ApiGatewayV2::Authorizer")
    assert settings["IdentitySource"] == ["$request.header.Authorization"]
    assert len(settings["JwtConfiguration"]["Audience"]) == 1 + len(SMOKE_ROLES)
    assert "*" not in routes and "$default" not in routes


def test_the_api_is_throttled_and_every_request_is_logged_without_its_token(templates: Asked, stage: str) -> None:
    row, variables = only(templates(stage), "AWS::ApiGatewayV2::Stage"), read_stage(stage)
    assert row["DefaultRouteSettings"]["ThrottlingRateLimit"] == variables.api_rate
    assert row["DefaultRouteSettings"]["ThrottlingBurstLimit"] == variables.api_burst
    logged = row["AccessLogSettings"]["Format"]
    assert "$context.requestId" in logged and "$context.status" in logged
    assert "header" not in logged.lower() and "Authorization" not in logged


def test_the_api_calls_the_alias_that_a_canary_moves(templates: Asked, stage: str) -> None:
    target = written(only(templates(stage), "AWS::ApiGatewayV2::Integration")["IntegrationUri"])
    assert "FunctionsApiLive" in target


def test_people_sign_in_with_a_second_factor_and_long_passwords(templates: Asked, stage: str) -> None:
    pool = only(templates(stage), "AWS::Cognito::UserPool")
    assert pool["MfaConfiguration"] == "ON" and pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    policy = pool["Policies"]["PasswordPolicy"]
    assert policy["MinimumLength"] >= 14
    assert all(policy[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"))
    assert pool["UserPoolAddOns"]["AdvancedSecurityMode"] == "ENFORCED"
    assert pool["DeletionProtection"] == ("INACTIVE" if stage == "dev" else "ACTIVE")


def test_tokens_live_15_minutes_and_a_refresh_token_is_used_once(templates: Asked, stage: str) -> None:
    for id, body in templates(stage).resources("AWS::Cognito::UserPoolClient").items():
        row = body["Properties"]
        assert row["AccessTokenValidity"] == 15 and row["TokenValidityUnits"]["AccessToken"] == "minutes", id
        assert row["EnableTokenRevocation"] is True and row["PreventUserExistenceErrors"] == "ENABLED", id
        if "Console" in id:
            assert row["RefreshTokenValidity"] == 720 and row["TokenValidityUnits"]["RefreshToken"] == "minutes"
            assert row["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0}
            assert "ALLOW_REFRESH_TOKEN_AUTH" not in row["ExplicitAuthFlows"]
            assert not {flow for flow in row["ExplicitAuthFlows"] if "PASSWORD" in flow}


def test_nobody_writes_the_tenant_of_an_account_but_an_administrator(templates: Asked, stage: str) -> None:
    made = templates(stage)
    [tenant] = [row for row in only(made, "AWS::Cognito::UserPool")["Schema"] if row["Name"] == "tenant_id"]
    assert tenant["Mutable"] is False
    for id, body in made.resources("AWS::Cognito::UserPoolClient").items():
        row = body["Properties"]
        if "Console" in id:
            assert not [name for name in row["WriteAttributes"] if name.startswith("custom:")]
        else:
            assert row["AllowedOAuthFlows"] == ["client_credentials"] and row["GenerateSecret"] is True
            assert (
                row["AllowedOAuthScopes"][0]["Fn::Join"][1][-1] == f"/{SMOKE_TENANT}"
                and len(row["AllowedOAuthScopes"]) == 1
            )
    assert is_id(SMOKE_TENANT, "ten")


def test_the_tenant_comes_into_a_token_by_our_function_and_only_the_pool_may_call_it(
    templates: Asked, stage: str
) -> None:
    made = templates(stage)
    trigger = only(made, "AWS::Cognito::UserPool")["LambdaConfig"]["PreTokenGenerationConfig"]
    assert trigger["LambdaVersion"] == "V3_0"
    assert f"function:bidproof-{stage}-shape_token:live" in written(trigger["LambdaArn"])
    [permission] = [
        body["Properties"]
        for body in made.resources("AWS::Lambda::Permission").values()
        if body["Properties"]["Principal"] == "cognito-idp.amazonaws.com"
    ]
    assert "IdentityPool" in written(permission["SourceArn"]) and "ShapeTokenLive" in written(
        permission["FunctionName"]
    )


def test_redirects_are_exactly_those_of_the_stage(templates: Asked, stage: str) -> None:
    [console] = [
        body["Properties"]
        for id, body in templates(stage).resources("AWS::Cognito::UserPoolClient").items()
        if "Console" in id
    ]
    origin = read_stage(stage).console_origin
    assert console.get("CallbackURLs", []) == ([f"{origin}/auth/callback"] if origin else [])
    assert console.get("AllowedOAuthFlows", []) == (["code"] if origin else [])
    assert console.get("AllowedOAuthFlowsUserPoolClient", False) is bool(origin)


def test_other_services_may_call_a_function_only_for_one_named_source(templates: Asked, stage: str) -> None:
    for id, body in templates(stage).resources("AWS::Lambda::Permission").items():
        row = body["Properties"]
        assert row["Principal"] != "*" and ("SourceArn" in row or row["Principal"] == "cloudformation.amazonaws.com"), (
            id
        )


def test_a_firewall_stands_before_console_and_api(templates: Asked, stage: str) -> None:
    made = templates(stage)
    acl = only(made, "AWS::WAFv2::WebACL")
    rules = {rule["Name"]: rule for rule in acl["Rules"]}
    assert acl["Scope"] == "CLOUDFRONT"
    assert {"AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"} <= rules.keys()
    limit = rules["per-address"]["Statement"]["RateBasedStatement"]
    assert limit["Limit"] / limit["EvaluationWindowSec"] == 10 and rules["per-address"]["Action"] == {"Block": {}}
    assert {
        field["SingleHeader"]["Name"] for field in only(made, "AWS::WAFv2::LoggingConfiguration")["RedactedFields"]
    } >= {
        "authorization",
        "cookie",
    }
    site = only(made, "AWS::CloudFront::Distribution")["DistributionConfig"]
    assert site["WebACLId"] == {"Ref": "WebAclArn"}
    assert "Default" not in made.of["site"]["Parameters"]["WebAclArn"]  # without a firewall there is no distribution
    assert "WebAclArn" in made.of["edge"]["Outputs"]


def test_the_api_is_reached_over_tls_and_never_kept_at_the_edge(templates: Asked, stage: str) -> None:
    site = only(templates(stage), "AWS::CloudFront::Distribution")["DistributionConfig"]
    behaviours = {row["PathPattern"]: row for row in site["CacheBehaviors"]}
    assert behaviours.keys() == {"/api/*", "/health/*", "/openapi.json"}
    for path, row in behaviours.items():
        assert row["ViewerProtocolPolicy"] == "https-only", path
        assert row["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", path  # AWS's CachingDisabled
    assert site["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    api, files = sorted(site["Origins"], key=lambda row: "S3OriginConfig" in row)
    assert api["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert api["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
    assert "OriginAccessControlId" in files
    assert site["Logging"]["Bucket"]


def test_pages_come_with_headers_that_forbid_what_they_do_not_need(templates: Asked, stage: str) -> None:
    headers = only(templates(stage), "AWS::CloudFront::ResponseHeadersPolicy")["ResponseHeadersPolicyConfig"]
    security = headers["SecurityHeadersConfig"]
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 365 * 86400
    policy = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    assert security["FrameOptions"]["FrameOption"] == "DENY" and security["ContentTypeOptions"]


def test_the_console_reads_its_bucket_as_cloudfront_of_this_distribution_only(templates: Asked, stage: str) -> None:
    policies = [
        statement
        for body in templates(stage).resources("AWS::S3::BucketPolicy").values()
        for statement in body["Properties"]["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    ]
    [allowed] = policies
    assert allowed["Action"] == "s3:GetObject" and "Distribution" in written(allowed["Condition"])


def test_dev_has_endpoints_in_place_of_a_nat_gateway_and_the_others_have_one_per_promise(
    templates: Asked, stage: str
) -> None:
    made = templates(stage)
    gateways = made.resources("AWS::EC2::NatGateway")
    assert len(gateways) == {"dev": 0, "staging": 1, "prod": 3}[stage]
    if stage == "dev":
        assert made.resources("AWS::EC2::InternetGateway") == {}
    services = written([body["Properties"]["ServiceName"] for body in made.resources("AWS::EC2::VPCEndpoint").values()])
    for service in ("sqs", "events", "states", "secretsmanager", "kms", "cognito-idp", "xray", "monitoring", "s3"):
        assert f".{service}" in services, service
    assert (".sts" in services) is (stage == "dev"), "one call of a deployment, elsewhere by the NAT gateway"
    for id, body in made.resources("AWS::EC2::VPCEndpoint").items():
        if body["Properties"]["VpcEndpointType"] == "Interface":
            assert body["Properties"]["PrivateDnsEnabled"] is True, id
    assert len(made.resources("AWS::EC2::FlowLog")) == 1


def test_the_subnets_of_functions_and_data_have_no_public_address(templates: Asked, stage: str) -> None:
    for id, body in templates(stage).resources("AWS::EC2::Subnet").items():
        if "private" in id.lower():
            assert body["Properties"]["MapPublicIpOnLaunch"] is False, id
