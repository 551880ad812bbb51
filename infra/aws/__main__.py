"""The CDK app: `-c stage=dev|staging|prod`; the only reader of the CDK context."""

from typing import Any

from aws_cdk import App, Environment, Stack, Tags

from infra.aws import nag
from infra.aws.alarms import WatchStack
from infra.aws.assets import Assets
from infra.aws.console_site import SiteStack
from infra.aws.delivery import DeliveryStack
from infra.aws.edge import REGION, EdgeStack
from infra.aws.stack import AppStack, DataStack
from infra.aws.stages import read_stage, stage_names

# Behaviours of CDK that new apps choose; each is the stricter one.
FLAGS = {
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/aws-lambda:recognizeLayerVersion": True,
    "@aws-cdk/aws-lambda:recognizeVersionProps": True,
    "@aws-cdk/aws-lambda:createNewPoliciesWithAddToRolePolicy": False,
    "@aws-cdk/core:checkSecretUsage": True,
    "@aws-cdk/core:enablePartitionLiterals": True,
    "@aws-cdk/aws-rds:databaseProxyUniqueResourceName": True,
    "@aws-cdk/aws-opensearchservice:enableOpensearchMultiAzWithStandby": True,
    "@aws-cdk/customresources:installLatestAwsSdkDefault": False,
}

# CloudFormation takes no tags for these, whatever CDK thinks.
UNTAGGED = ["AWS::RDS::DBProxyTargetGroup"]


def new_app(**given: Any) -> App:
    """An app with the flags of this project."""
    return App(context=FLAGS, **given)


def main() -> None:
    """Write the templates of one stage, or of all, to cdk.out.

    Raises StageInvalid for a bad template of stages, and fails on findings of cdk-nag that have no reason."""
    app = new_app()
    chosen = app.node.try_get_context("stage")
    assets = Assets.built()
    for name in [chosen] if chosen else stage_names():
        add_stage(app, name, assets)
    nag.check(app)
    app.synth()


def add_stage(app: App, name: str, assets: Assets) -> tuple[Stack, ...]:
    """Add the stacks of a stage to the app."""
    stage = read_stage(name)
    place = Environment(region=stage.region)
    data = DataStack(
        app, f"bidproof-{name}-data", stage=stage, env=place, termination_protection=stage.deletion_protection
    )
    delivery = DeliveryStack(app, f"bidproof-{name}-delivery", stage=stage, env=place)
    run = AppStack(app, f"bidproof-{name}-app", stage=stage, data=data, assets=assets, env=place)
    run.add_stack_dependency(delivery)  # its aliases are moved by the groups there
    edge = EdgeStack(app, f"bidproof-{name}-edge", stage=stage, env=Environment(region=REGION))
    site = SiteStack(app, f"bidproof-{name}-site", stage=stage, api=run.http.api, env=place)
    site.add_stack_dependency(edge, "its firewall is a parameter")
    watch = WatchStack(app, f"bidproof-{name}-watch", stage=stage, data=data, app=run, env=place)
    stacks = (data, delivery, run, edge, site, watch)
    for stack in stacks:
        Tags.of(stack).add("product", "bidproof", exclude_resource_types=UNTAGGED)
        Tags.of(stack).add("stage", name, exclude_resource_types=UNTAGGED)
    return stacks


if __name__ == "__main__":
    main()
