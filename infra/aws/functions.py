"""The functions of the catalogue: code, layers, role, log group, version and the alias `live` that callers use."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.aws.assets import Assets
from infra.aws.catalogue import CATALOGUE, FunctionRow
from infra.aws.network import Network
from infra.aws.search import ADMITS
from infra.aws.stages import LOG_DAYS, Stage

ALIAS = "live"
FILES_GIB = 4  # an upload of 1 GiB, an archive inside of it and one file of that
EXTRA_LAYERS = ("reasoning", "reporting", "migrations")
# Functions in a network make and drop their interfaces themselves; EC2 knows no resource for it.
_INTERFACES = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


class Functions(Construct):
    """`of[name]` the function, `versions[name]` what this deployment published, `aliases[name]` what callers use."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        prefix: str,
        network: Network,
        key: Any,
        assets: Assets,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(scope, id)
        self._stage, self._prefix, self._network, self._key = stage, prefix, network, key
        self._assets, self._environment = assets, dict(environment)
        self.release = assets.release
        self.layers = {name: self._layer(name) for name in ("runtime", *EXTRA_LAYERS)}
        self.of = {row.name: self._function(row) for row in CATALOGUE.values()}
        self.versions = {name: function.current_version for name, function in self.of.items()}
        self.aliases = {
            name: lambda_.Alias(self, f"{_camel(name)}Live", alias_name=ALIAS, version=version)
            for name, version in self.versions.items()
        }

    def _layer(self, name: str) -> Any:
        return lambda_.LayerVersion(
            self,
            f"Layer{name.title()}",
            code=self._assets.layer(name),
            compatible_architectures=[lambda_.Architecture.ARM_64],
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            description=f"third-party packages of layers/{name}",
            removal_policy=RemovalPolicy.RETAIN,  # versions that a rollback returns to still need them
        )

    def _log_group(self, id: str, name: str) -> Any:
        return logs.LogGroup(
            self,
            f"{id}Logs",
            log_group_name=f"/aws/lambda/{name}",
            retention=logs.RetentionDays[LOG_DAYS[self._stage.log_days]],
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _function(self, row: FunctionRow) -> Any:
        name, id = f"{self._prefix}{row.name}", _camel(row.name)
        group = self._log_group(id, name)
        shared: dict[str, Any] = {
            "function_name": name,
            "description": description(row.name, self.release),
            "architecture": lambda_.Architecture.ARM_64,
            "memory_size": row.memory,
            "timeout": Duration.seconds(row.timeout),
            "reserved_concurrent_executions": row.concurrency,
            "role": self._role(row, id, group),
            "log_group": group,
            "logging_format": lambda_.LoggingFormat.JSON,
            "tracing": lambda_.Tracing.ACTIVE,
            "environment": self._environment | {"POWERTOOLS_SERVICE_NAME": row.name},
            "environment_encryption": self._key,
            "current_version_options": lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        }
        if row.inside:
            groups = [self._network.functions]
            shared |= {"vpc": self._network.vpc, "vpc_subnets": self._network.private, "security_groups": groups}
        handler = f"functions.{row.name}.handler.handler"
        if row.package == "parsing":
            room = Size.gibibytes(FILES_GIB)
            return lambda_.DockerImageFunction(
                self, id, code=self._assets.image(handler), ephemeral_storage_size=room, **shared
            )
        extra = [self.layers[row.package]] if row.package != "runtime" else []
        return lambda_.Function(
            self,
            id,
            runtime=lambda_.Runtime.PYTHON_3_13,
            code=self._assets.code(row.package),
            handler=handler,
            layers=[self.layers["runtime"], *extra],
            **shared,
        )

    def _role(self, row: FunctionRow, id: str, group: Any) -> Any:
        """A role of its own with what every function needs; the rest is granted in stack.py."""
        # named where a stack that is there before must know it
        named = {"role_name": f"{self._prefix}{row.name}"} if row.name == ADMITS else {}
        role = iam.Role(self, f"{id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), **named)
        group.grant_write(role)
        if row.inside:
            role.add_to_policy(iam.PolicyStatement(actions=list(_INTERFACES), resources=["*"]))
        role.add_to_policy(
            iam.PolicyStatement(actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"])
        )
        return role


def description(name: str, release: str) -> str:
    """What each version keeps of its function: `make rollback` finds the versions of a release by it."""
    return f"{name} of release {release}"


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))
