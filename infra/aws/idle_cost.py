"""What a stage costs in a month in which nobody uses it, counted from its templates (spec O61).

Every resource type of the templates stands in one of three lists: COUNTED, WHEN_USED or FREE. A type that stands in
none fails, so that a new resource cannot be forgotten."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.aws.catalogue import CATALOGUE
from infra.aws.prices import Prices
from infra.aws.stages import Stage

Resources = Mapping[str, Sequence[Mapping[str, Any]]]  # type -> properties of each resource of it
MINUTES = {"minute": 1, "minutes": 1, "hour": 60, "hours": 60, "day": 1440, "days": 1440}
POLL_SECONDS = 20  # of one long poll of a queue


class Unpriced(ValueError):
    """The template has resources whose cost nobody has thought of; the message names their types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`quantity` units of the price named `price`; `usd` is their product."""

    part: str
    quantity: float
    price: str
    usd: float


class Counter:
    """Makes lines from the resources of one stage."""

    def __init__(self, stage: Stage, resources: Resources, prices: Prices) -> None:
        self.stage, self._resources, self.prices = stage, resources, prices
        self.hours = prices.given("hours_month")

    def of(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """The properties of every resource of a type."""
        return self._resources.get(kind, ())

    def line(self, part: str, quantity: float, price: str) -> Line:
        """A line; raises Unpriced when the price table has no such row."""
        if price not in self.prices.rows:
            raise Unpriced(f"{part}: prices.toml has no row {price}")
        return Line(part=part, quantity=quantity, price=price, usd=quantity * self.prices.usd(price))

    def acus(self) -> float:
        """Capacity units of the whole cluster when idle: each instance has at least the smallest that runs."""
        least = self.prices.given("least_acu")
        units: list[float] = [
            cluster["ServerlessV2ScalingConfiguration"]["MinCapacity"] for cluster in self.of(CLUSTER)
        ]
        return sum(max(least, unit) for unit in units) * len(self.of(INSTANCE))

    def calls(self) -> Iterator[tuple[float, int]]:
        """(calls a month, memory in MiB) of each schedule."""
        for schedule in self.of("AWS::Scheduler::Schedule"):
            number, unit = schedule["ScheduleExpression"].removeprefix("rate(").removesuffix(")").split()
            name = schedule["Name"].removeprefix(f"bidproof-{self.stage.name}-")
            yield self.hours * 60 / (int(number) * MINUTES[unit]), CATALOGUE[name].memory


CLUSTER, INSTANCE = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"


def _endpoints(count: Counter) -> Iterator[Line]:
    zones = [len(e["SubnetIds"]) for e in count.of("AWS::EC2::VPCEndpoint") if e.get("VpcEndpointType") == "Interface"]
    yield count.line(
        f"interface endpoints: {len(zones)}, zones: {max(zones, default=0)}", sum(zones) * count.hours, "endpoint_hour"
    )


def _gateways(count: Counter) -> Iterator[Line]:
    gateways = len(count.of("AWS::EC2::NatGateway"))
    yield count.line(f"NAT gateways: {gateways}", gateways * count.hours, "nat_hour")


def _addresses(count: Counter) -> Iterator[Line]:
    addresses = len(count.of("AWS::EC2::EIP"))
    yield count.line(f"public addresses: {addresses}", addresses * count.hours, "ipv4_hour")


def _database(count: Counter) -> Iterator[Line]:
    volume = count.prices.given("database_gb")
    yield count.line(f"Aurora, {count.acus():g} ACU", count.acus() * count.hours, "aurora_acu_hour")
    yield count.line("Aurora storage", volume, "aurora_gb_month")
    writes = sum(calls for calls, _ in count.calls()) * count.prices.given("writes_a_sweep")
    yield count.line("Aurora I/O of the sweeps", writes / 1e6, "aurora_io_million")
    yield count.line("Aurora backups", volume * count.prices.given("backup_times_volume"), "backup_gb_month")
    managed = sum(bool(cluster.get("ManageMasterUserPassword")) for cluster in count.of(CLUSTER))
    yield count.line("login of the administrator", managed, "secret_month")


def _proxies(count: Counter) -> Iterator[Line]:
    units = max(count.prices.given("proxy_least_acu"), count.acus()) * len(count.of("AWS::RDS::DBProxy"))
    yield count.line(f"RDS Proxy, {units:g} ACU", units * count.hours, "proxy_acu_hour")


def _search(count: Counter) -> Iterator[Line]:
    for domain in count.of("AWS::OpenSearchService::Domain"):
        cluster, volume = domain["ClusterConfig"], domain["EBSOptions"]
        nodes, kind = cluster["InstanceCount"], cluster["InstanceType"]
        yield count.line(f"OpenSearch, {nodes} x {kind}", nodes * count.hours, f"search_hour_{kind}")
        yield count.line("OpenSearch volumes", nodes * volume["VolumeSize"], "search_gb_month")
        if cluster.get("DedicatedMasterEnabled"):
            masters, kind = cluster["DedicatedMasterCount"], cluster["DedicatedMasterType"]
            yield count.line(f"OpenSearch, {masters} masters", masters * count.hours, f"search_hour_{kind}")


def _alarms(count: Counter) -> Iterator[Line]:
    metrics = sum(
        sum("MetricStat" in metric for metric in alarm.get("Metrics", [])) or 1
        for alarm in count.of("AWS::CloudWatch::Alarm")
    )
    yield count.line(f"alarms: {len(count.of('AWS::CloudWatch::Alarm'))}", metrics, "alarm_month")


def _sweeps(count: Counter) -> Iterator[Line]:
    calls = list(count.calls())
    number = sum(call for call, _ in calls)
    seconds = count.prices.given("seconds_a_sweep")
    gb_seconds = sum(call * seconds * memory / 1024 for call, memory in calls)
    yield count.line(f"schedules: {len(calls)}", number / 1e6, "schedule_million")
    yield count.line("calls of the schedules", number / 1e6, "lambda_million")
    yield count.line("run time of the schedules", gb_seconds, "lambda_gb_second")
    yield count.line("traces of the schedules", number / 1e6, "traces_million")


def _mappings(count: Counter) -> Iterator[Line]:
    mappings = len(count.of("AWS::Lambda::EventSourceMapping"))
    polls = count.hours * 3600 / POLL_SECONDS * count.prices.given("polls_a_mapping")
    yield count.line(f"polling of queues: {mappings}", mappings * polls / 1e6, "queue_million")


def _functions(count: Counter) -> Iterator[Line]:
    if any(function.get("PackageType") == "Image" for function in count.of("AWS::Lambda::Function")):
        kept = count.prices.given("image_gb") * count.prices.given("images_kept")
        yield count.line("parser images", kept, "image_gb_month")
    yield count.line("custom metrics", count.prices.given("metrics_idle"), "metric_month")


def _logs(count: Counter) -> Iterator[Line]:
    number = sum(calls for calls, _ in count.calls())
    taken = number * count.prices.given("log_kb_a_call") / 1e6 + count.prices.given("log_gb_other")
    yield count.line("logs", taken, "logs_gb")
    yield count.line(f"logs kept {count.stage.log_days} days", taken * count.stage.log_days / 30, "logs_gb_month")


def _vaults(count: Counter) -> Iterator[Line]:
    """Rows; objects of an idle stage are none."""
    yield count.line(
        "backup vault", count.prices.given("database_gb") * count.prices.given("vault_times_volume"), "backup_gb_month"
    )


def _firewalls(count: Counter) -> Iterator[Line]:
    lists = count.of("AWS::WAFv2::WebACL")
    yield count.line(f"web ACLs: {len(lists)}", len(lists), "waf_acl_month")
    yield count.line("rules of the web ACLs", sum(len(acl.get("Rules", [])) for acl in lists), "waf_rule_month")


def _machine_clients(count: Counter) -> Iterator[Line]:
    """Clients that sign in as themselves; those that people sign in with are free."""
    machines = [
        client
        for client in count.of("AWS::Cognito::UserPoolClient")
        if "client_credentials" in client.get("AllowedOAuthFlows", [])
    ]
    yield count.line(f"machine clients of the user pool: {len(machines)}", len(machines), "machine_client_month")


def _each(part: str, kind: str, price: str) -> Callable[[Counter], Iterator[Line]]:
    def lines(count: Counter) -> Iterator[Line]:
        yield count.line(f"{part}: {len(count.of(kind))}", len(count.of(kind)), price)

    return lines


COUNTED: dict[str, Callable[[Counter], Iterator[Line]]] = {
    "AWS::EC2::VPCEndpoint": _endpoints,
    "AWS::EC2::NatGateway": _gateways,
    "AWS::EC2::EIP": _addresses,
    CLUSTER: _database,
    "AWS::RDS::DBProxy": _proxies,
    "AWS::OpenSearchService::Domain": _search,
    "AWS::KMS::Key": _each("KMS keys", "AWS::KMS::Key", "kms_key"),
    "AWS::SecretsManager::Secret": _each("secrets", "AWS::SecretsManager::Secret", "secret_month"),
    "AWS::CloudWatch::Alarm": _alarms,
    "AWS::CloudWatch::CompositeAlarm": _each(
        "composite alarms", "AWS::CloudWatch::CompositeAlarm", "composite_alarm_month"
    ),
    "AWS::CloudWatch::Dashboard": _each("dashboards", "AWS::CloudWatch::Dashboard", "dashboard_month"),
    "AWS::Scheduler::Schedule": _sweeps,
    "AWS::Lambda::EventSourceMapping": _mappings,
    "AWS::Lambda::Function": _functions,
    "AWS::Logs::LogGroup": _logs,
    "AWS::WAFv2::WebACL": _firewalls,
    "AWS::Backup::BackupPlan": _vaults,
    "AWS::Cognito::UserPoolClient": _machine_clients,
}


def resources_of(templates: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Properties by resource type over all stacks of a stage."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for template in templates.values():
        for body in template["Resources"].values():
            found.setdefault(body["Type"], []).append(body.get("Properties", {}))
    return found


def idle_lines(stage: Stage, templates: Mapping[str, Mapping[str, Any]], prices: Prices) -> list[Line]:
    """What is paid without a single request; raises Unpriced for a type that stands in no list."""
    resources = resources_of(templates)
    unknown = resources.keys() - COUNTED.keys() - WHEN_USED.keys() - FREE
    if unknown := {kind for kind in unknown if not kind.startswith(FREE_FAMILIES)}:
        raise Unpriced(f"no price, and not said to be free: {', '.join(sorted(unknown))}")
    count = Counter(stage, resources, prices)
    lines = [line for kind, lines in COUNTED.items() if kind in resources for line in lines(count)]
    return [line for line in lines if line.quantity]


# Nothing while idle; what a use costs is in the figures per 1,000 pages, or stands here in words.
WHEN_USED = {
    "AWS::ApiGatewayV2::Api": "requests",
    "AWS::ApiGatewayV2::Stage": "requests",
    "AWS::Backup::BackupVault": "counted with the plan that fills it",
    "AWS::CloudFront::Distribution": "requests and traffic of the console",
    "AWS::Cognito::UserPool": "users who sign in, by month, on the Plus plan",
    "AWS::Events::Archive": "GB of events, kept 14 days",
    "AWS::Events::EventBus": "events",
    INSTANCE: "counted with the cluster",
    "AWS::S3::Bucket": "objects, writes and reads",
    "AWS::SNS::Topic": "messages; mail is free for the first 1,000 a month",
    "AWS::SQS::Queue": "requests; idle ones are counted with the mappings that poll",
    "AWS::StepFunctions::StateMachine": "state transitions",
}
# Parts of others, permissions, and what AWS gives away.
FREE_FAMILIES = ("AWS::IAM::", "AWS::CodeDeploy::", "AWS::CloudFormation::", "AWS::CDK::", "Custom::")
FREE = frozenset(
    f"AWS::{kind}"
    for kind in """
    ApiGatewayV2::Authorizer ApiGatewayV2::Integration ApiGatewayV2::Route
    Backup::BackupSelection Budgets::Budget
    CloudFront::CachePolicy CloudFront::Function CloudFront::OriginAccessControl CloudFront::ResponseHeadersPolicy
    CloudFront::OriginRequestPolicy
    Cognito::UserPoolDomain Cognito::UserPoolGroup Cognito::UserPoolIdentityProvider
    Cognito::UserPoolResourceServer
    EC2::FlowLog EC2::InternetGateway EC2::Route EC2::RouteTable EC2::SecurityGroup EC2::SecurityGroupEgress
    EC2::SecurityGroupIngress EC2::Subnet EC2::SubnetRouteTableAssociation EC2::VPC EC2::VPCGatewayAttachment
    Events::EventBusPolicy Events::Rule
    KMS::Alias
    Lambda::Alias Lambda::EventInvokeConfig Lambda::LayerVersion Lambda::Permission Lambda::Version
    Logs::MetricFilter Logs::ResourcePolicy
    RDS::DBClusterParameterGroup RDS::DBProxyTargetGroup RDS::DBSubnetGroup
    S3::BucketPolicy SNS::Subscription SNS::TopicPolicy SQS::QueuePolicy
    Scheduler::ScheduleGroup SecretsManager::ResourcePolicy SecretsManager::RotationSchedule
    StepFunctions::StateMachineAlias StepFunctions::StateMachineVersion
    WAFv2::LoggingConfiguration WAFv2::WebACLAssociation
    """.split()
)
