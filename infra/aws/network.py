"""The network of a stage: private subnets, endpoints instead of a NAT gateway in dev, one security group per role."""

from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.aws.stages import LOG_DAYS, Stage

# Services that functions call from inside the network. S3 has a gateway endpoint, which costs nothing.
ENDPOINTS = {
    "Sqs": "SQS",
    "Events": "EVENTBRIDGE",
    "States": "STEP_FUNCTIONS",
    "Secrets": "SECRETS_MANAGER",
    "Kms": "KMS",
    "Lambda": "LAMBDA_",
    "Monitoring": "CLOUDWATCH_MONITORING",
    "XRay": "XRAY",
    "Identity": "COGNITO_IDP",  # key set of the issuer
}
# One call of a deployment (search.py): a stage with a NAT gateway makes it through that.
WITHOUT_NAT = {"Sts": "STS"}


class Network(Construct):
    """`vpc`, `private` (subnets of everything), `functions`, `database` and `search` (security groups)."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        kind = ec2.SubnetType.PRIVATE_WITH_EGRESS if stage.nat_gateways else ec2.SubnetType.PRIVATE_ISOLATED
        subnets = [ec2.SubnetConfiguration(name="private", subnet_type=kind, cidr_mask=20)]
        if stage.nat_gateways:
            subnets.append(ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24))
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            availability_zones=[f"{stage.region}{zone}" for zone in "abc"[: stage.availability_zones]],
            nat_gateways=stage.nat_gateways,
            subnet_configuration=subnets,
            restrict_default_security_group=False,
            gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
            flow_logs={
                "All": ec2.FlowLogOptions(
                    traffic_type=ec2.FlowLogTrafficType.REJECT,
                    destination=ec2.FlowLogDestination.to_cloud_watch_logs(self._flow_logs(stage)),
                )
            },
        )
        self.private = ec2.SubnetSelection(subnet_type=kind)
        self.functions = self._group("Functions", "Lambda functions", outbound=True)
        self.database = self._group("Database", "Aurora and its proxy")
        self.search = self._group("Search", "OpenSearch")
        self.database.add_ingress_rule(self.functions, ec2.Port.tcp(5432), "functions to the proxy")
        self.database.add_ingress_rule(self.database, ec2.Port.tcp(5432), "proxy to the cluster")
        self.database.add_egress_rule(self.database, ec2.Port.tcp(5432), "proxy to the cluster")
        self.search.add_ingress_rule(self.functions, ec2.Port.tcp(443), "functions to OpenSearch")
        self._endpoints(stage)

    def _flow_logs(self, stage: Stage) -> Any:
        days = logs.RetentionDays[LOG_DAYS[stage.log_days]]
        return logs.LogGroup(self, "FlowLogs", retention=days, removal_policy=RemovalPolicy.DESTROY)

    def _group(self, id: str, what: str, *, outbound: bool = False) -> Any:
        return ec2.SecurityGroup(self, id, vpc=self.vpc, description=what, allow_all_outbound=outbound)

    def _endpoints(self, stage: Stage) -> None:
        """Interface endpoints in one zone in dev, where the price counts more than a zone."""
        group = self._group("Endpoints", "interface endpoints")
        group.add_ingress_rule(self.functions, ec2.Port.tcp(443), "functions to AWS services")
        zones = self.vpc.availability_zones[: 1 if stage.name == "dev" else stage.availability_zones]
        wanted = ENDPOINTS if stage.nat_gateways else ENDPOINTS | WITHOUT_NAT
        for id, service in wanted.items():
            self.vpc.add_interface_endpoint(
                f"{id}Endpoint",
                service=getattr(ec2.InterfaceVpcEndpointAwsService, service),
                private_dns_enabled=True,
                security_groups=[group],
                open=False,  # functions only, not every address of the network
                subnets=ec2.SubnetSelection(subnet_type=self.private.subnet_type, availability_zones=zones),
            )
