"""OpenSearch in the network, with fine-grained access: roles of functions are its users."""

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_opensearchservice as opensearch
from constructs import Construct

from infra.aws.data import removal
from infra.aws.network import Network
from infra.aws.stages import LOG_DAYS, Stage
from shared.adapters.opensearch_access import ROLE

VERSION = "2.19"  # the version that the tests run
ADMITS = "admit_search_roles"  # the function that gives the roles of the others their rights


class Search(Construct):
    """`domain`; `admin` is its first user: a deployment maps the roles of functions to index rights as this role."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, network: Network, key: Any) -> None:
        super().__init__(scope, id)
        self.admin = self._first_user(stage)
        zones = min(stage.search_nodes, stage.availability_zones)
        subnets = network.vpc.select_subnets(subnet_type=network.private.subnet_type).subnets[:zones]
        self.domain = opensearch.Domain(
            self,
            "Domain",
            version=opensearch.EngineVersion.open_search(VERSION),
            domain_name=_name(stage),
            capacity=opensearch.CapacityConfig(
                data_nodes=stage.search_nodes,
                data_node_instance_type=stage.search_instance,
                multi_az_with_standby_enabled=False,
            ),
            ebs=opensearch.EbsOptions(volume_size=stage.search_volume_gib, volume_type=ec2.EbsDeviceVolumeType.GP3),
            zone_awareness=opensearch.ZoneAwarenessConfig(enabled=zones > 1, availability_zone_count=zones)
            if zones > 1
            else opensearch.ZoneAwarenessConfig(enabled=False),
            vpc=network.vpc,
            vpc_subnets=[ec2.SubnetSelection(subnets=subnets)],
            security_groups=[network.search],
            encryption_at_rest=opensearch.EncryptionAtRestOptions(enabled=True, kms_key=key),
            node_to_node_encryption=True,
            enforce_https=True,
            tls_security_policy=opensearch.TLSSecurityPolicy.TLS_1_2_PFS,
            fine_grained_access_control=opensearch.AdvancedSecurityOptions(master_user_arn=self.admin.role_arn),
            removal_policy=removal(stage),
        )
        self._admit(stage)
        self._limit_first_user(stage)
        self._logs(stage)

    def _first_user(self, stage: Stage) -> Any:
        """Assumed by the function that admits, and by people whose own rights allow it; by no other role of the stage.

        The function's role is made later and by another stack, so it stands in a condition, not as a principal."""
        mine = Stack.of(self).format_arn(service="iam", region="", resource="role", resource_name=f"{_name(stage)}-")
        function = {"ArnEquals": {"aws:PrincipalArn": f"{mine}{ADMITS}"}}
        people = {"ArnNotLike": {"aws:PrincipalArn": f"{mine}*"}}
        either = iam.CompositePrincipal(
            iam.AccountRootPrincipal().with_conditions(function), iam.AccountRootPrincipal().with_conditions(people)
        )
        return iam.Role(self, "Admin", assumed_by=either)

    def _limit_first_user(self, stage: Stage) -> None:
        """Inside the domain its first user may do everything; IAM lets two documents of the security plugin through."""
        self.admin.add_to_policy(
            iam.PolicyStatement(
                actions=["es:ESHttpGet", "es:ESHttpPut"],
                resources=[
                    Stack.of(self).format_arn(
                        service="es",
                        resource="domain",
                        resource_name=f"{_name(stage)}/_plugins/_security/api/{document}/{ROLE}",
                    )
                    for document in ("roles", "rolesmapping")
                ],
            )
        )

    def _admit(self, stage: Stage) -> None:
        """Roles of this account only, each with its own grant (stack.py); nobody without a signature.

        Written into the domain itself: the L2 option would add a function of CDK's own."""
        stack = Stack.of(self)
        self.domain.node.default_child.access_policies = iam.PolicyDocument(
            statements=[
                iam.PolicyStatement(
                    principals=[iam.AccountRootPrincipal()],
                    actions=[f"es:ESHttp{method}" for method in ("Get", "Post", "Put", "Delete", "Head")],
                    resources=[stack.format_arn(service="es", resource="domain", resource_name=f"{_name(stage)}/*")],
                )
            ]
        )

    def _logs(self, stage: Stage) -> None:
        """Written into the domain itself: the L2 option would add a function of CDK's own."""
        retention = logs.RetentionDays[LOG_DAYS[stage.log_days]]
        groups = {
            kind: logs.LogGroup(self, kind.title().replace("_", ""), retention=retention, removal_policy=removal(stage))
            for kind in ("SEARCH_SLOW_LOGS", "INDEX_SLOW_LOGS", "ES_APPLICATION_LOGS", "AUDIT_LOGS")
        }
        policy = logs.ResourcePolicy(
            self,
            "LogPolicy",
            policy_statements=[
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal("es.amazonaws.com")],
                    actions=["logs:PutLogEvents", "logs:CreateLogStream"],
                    resources=[group.log_group_arn for group in groups.values()],
                )
            ],
        )
        domain = self.domain.node.default_child
        domain.log_publishing_options = {
            kind: opensearch.CfnDomain.LogPublishingOptionProperty(
                cloud_watch_logs_log_group_arn=group.log_group_arn, enabled=True
            )
            for kind, group in groups.items()
        }
        domain.node.add_dependency(policy)


def _name(stage: Stage) -> str:
    return f"bidproof-{stage.name}"
