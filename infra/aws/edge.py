"""The firewall before CloudFront, which AWS wants in us-east-1 whatever region the stage is in."""

from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra.aws.stages import LOG_DAYS, Stage

REGION = "us-east-1"
OUTPUT = "WebAclArn"  # read by the deployment, given to the site stack as the parameter of the same name
PER_ADDRESS = 3000  # requests of one address in 5 minutes: 10 per second (S82)
SIGN_IN_PER_ADDRESS = 50  # 10 per minute (S82)
_MANAGED = (
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesAmazonIpReputationList",
)
# Rules of the common set that legitimate calls meet: an uploaded part is larger than 8 KB, a rule pack holds texts.
_COUNTED = {"AWSManagedRulesCommonRuleSet": ("SizeRestrictions_BODY", "CrossSiteScripting_BODY")}


class EdgeStack(Stack):
    """`acl`: managed rules and a rate per address; everything else passes."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, **given: Any) -> None:
        super().__init__(scope, id, **given)
        name = f"bidproof-{stage.name}"
        self.acl = waf.CfnWebACL(
            self,
            "Acl",
            name=name,
            scope="CLOUDFRONT",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_seen(name),
            rules=[
                *(_managed(number, rules) for number, rules in enumerate(_MANAGED)),
                _rate(len(_MANAGED), "per-address", PER_ADDRESS),
                _rate(len(_MANAGED) + 1, "sign-in-per-address", SIGN_IN_PER_ADDRESS, path="/auth/"),
            ],
        )
        group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"aws-waf-logs-{name}",  # the prefix that WAF asks for
            retention=logs.RetentionDays[LOG_DAYS[stage.log_days]],
            removal_policy=RemovalPolicy.DESTROY,
        )
        waf.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self.acl.attr_arn,
            log_destination_configs=[group.log_group_arn],
            redacted_fields=[
                waf.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": header})
                for header in ("authorization", "cookie", "x-api-key")
            ],
        )
        CfnOutput(self, OUTPUT, value=self.acl.attr_arn)


def _managed(priority: int, name: str) -> Any:
    counted = [
        waf.CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=waf.CfnWebACL.RuleActionProperty(count={}))
        for rule in _COUNTED.get(name, ())
    ]
    group = waf.CfnWebACL.ManagedRuleGroupStatementProperty(
        vendor_name="AWS", name=name, rule_action_overrides=counted or None
    )
    return waf.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        statement=waf.CfnWebACL.StatementProperty(managed_rule_group_statement=group),
        override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
        visibility_config=_seen(name),
    )


def _rate(priority: int, name: str, limit: int, *, path: str = "") -> Any:
    within = None
    if path:
        within = waf.CfnWebACL.StatementProperty(
            byte_match_statement=waf.CfnWebACL.ByteMatchStatementProperty(
                field_to_match=waf.CfnWebACL.FieldToMatchProperty(uri_path={}),
                positional_constraint="CONTAINS",
                search_string=path,
                text_transformations=[waf.CfnWebACL.TextTransformationProperty(priority=0, type="LOWERCASE")],
            )
        )
    rate = waf.CfnWebACL.RateBasedStatementProperty(
        limit=limit, aggregate_key_type="IP", evaluation_window_sec=300, scope_down_statement=within
    )
    return waf.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        statement=waf.CfnWebACL.StatementProperty(rate_based_statement=rate),
        action=waf.CfnWebACL.RuleActionProperty(block={}),
        visibility_config=_seen(name),
    )


def _seen(name: str) -> Any:
    """Counted in CloudWatch; samples of requests are not kept, because they hold tokens."""
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
