"""One stage as stacks: what must not be lost (data), what runs (app). Every grant is made here."""

import json
from typing import Any

from aws_cdk import ArnFormat, CfnOutput, CustomResource, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from infra.aws.assets import Assets
from infra.aws.backup import Backup
from infra.aws.catalogue import CATALOGUE, FunctionRow
from infra.aws.data import DATABASE, Database, Keys, Objects, master_secret
from infra.aws.delivery import deliver
from infra.aws.functions import ALIAS, Functions
from infra.aws.http_api import HttpInterface
from infra.aws.identity import TRIGGER, Identity
from infra.aws.network import Network
from infra.aws.queues import NUDGE, Queues
from infra.aws.search import ADMITS, Search
from infra.aws.stages import Stage
from infra.aws.weights import release_needs
from infra.aws.workflows import FILES, Workflows

_WRITES = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
_LOCKS = ["s3:GetObjectRetention", "s3:PutObjectRetention"]
_REMOVES = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObjectRetention"]  # what is locked stays
_ANSWERS = ["states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"]


class DataStack(Stack):
    """Network, keys, database, objects, search and identity: changed rarely, destroyed never by accident."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, **given: Any) -> None:
        super().__init__(scope, id, **given)
        self.prefix = f"bidproof-{stage.name}-"
        self.network = Network(self, "Network", stage=stage)
        self.keys = Keys(self, "Keys", stage=stage)
        self.database = Database(
            self, "Database", name=self.prefix.rstrip("-"), stage=stage, network=self.network, key=self.keys.data
        )
        self.objects = Objects(self, "Objects", stage=stage, key=self.keys.data)
        self.search = Search(self, "Search", stage=stage, network=self.network, key=self.keys.data)
        self.backup = Backup(
            self,
            "Backup",
            stage=stage,
            key=self.keys.data,
            cluster=self.database.cluster,
            bucket=self.objects.bucket,
        )
        self.master = master_secret(self, stage=stage, key=self.keys.data)
        self.identity = Identity(self, "Identity", stage=stage, prefix=self.prefix)


class AppStack(Stack):
    """Functions, queues, state machines and the HTTP API over the data of a stage."""

    def __init__(
        self, scope: Construct, id: str, *, stage: Stage, data: DataStack, assets: Assets, **given: Any
    ) -> None:
        super().__init__(scope, id, **given)
        self.stage, self.data, self.prefix = stage, data, data.prefix
        self.queues = Queues(self, "Queues", prefix=self.prefix, key=data.keys.messages)
        self.functions = Functions(
            self,
            "Functions",
            stage=stage,
            prefix=self.prefix,
            network=data.network,
            key=data.keys.data,
            assets=assets,
            environment=self._environment(),
        )
        self.workflows = Workflows(
            self,
            "Workflows",
            stage=stage,
            prefix=self.prefix,
            release=self.functions.release,
            versions=self.functions.versions,
        )
        self.http = HttpInterface(
            self,
            "Interface",
            stage=stage,
            prefix=self.prefix,
            identity=data.identity,
            alias=self.functions.aliases["api"],
        )
        for row in CATALOGUE.values():
            self._grant(row)
        self._triggers()
        self._sign_in()
        self._migrate(self.functions.release)
        self._admit_searching(self.functions.release)
        deliver(self, functions=self.functions, identity=data.identity, api=self.http.api, prefix=self.prefix)
        self._tell()

    def _tell(self) -> None:
        """Outputs: where the API is, which release it is, and who has index rights (runbook reindex)."""
        CfnOutput(self, "ApiUrl", value=self.http.api.api_endpoint)
        CfnOutput(self, "Release", value=self.functions.release)
        CfnOutput(self, "SearchRoles", value=self.to_json_string(self._searching()))

    def _searching(self) -> list[str]:
        return [self.functions.of[row.name].role.role_arn for row in CATALOGUE.values() if "search" in row.needs]

    def _environment(self) -> dict[str, str]:
        """Settings that all functions share (shared/settings.py); no secret among them, only where one is kept."""
        data, host = self.data, self.data.database.proxy.attr_endpoint
        urls = {
            f"{login.upper()}_DATABASE_URL": f"postgresql://bidproof_{login}@{host}:5432/{DATABASE}?sslmode=require"
            for login in ("app", "relay", "dispatch", "sweep")
        }
        return urls | {
            "PLATFORM": "aws",
            "STAGE": self.stage.name,
            "MASTER_SECRET_ARN": data.master.secret_arn,
            "OBJECTS_BUCKET": data.objects.bucket.bucket_name,
            "EVENT_BUS": self.queues.bus.event_bus_name,
            "QUEUE_PREFIX": self.prefix,
            "STATE_MACHINES": json.dumps({name: self.machine_arn(name, ALIAS) for name in FILES}),
            "SEARCH": "opensearch",
            "SEARCH_REPLICAS": str(min(1, self.stage.search_nodes - 1)),
            "OPENSEARCH_URL": f"https://{data.search.domain.domain_endpoint}",
            "ISSUER": data.identity.issuer,
            "AUDIENCE": data.identity.audience,
            "JWKS_URL": data.identity.jwks_url,
            "MAX_RUNNING": str(self.stage.max_running),
            "POOL_SIZE": "2",  # a function serves one request at a time; the proxy shares connections
            "POWERTOOLS_METRICS_NAMESPACE": "Bidproof",
        }

    def machine_arn(self, name: str, alias: str = "") -> str:
        """By name, because functions are told of machines that are made of them."""
        arn: str = self.format_arn(
            service="states",
            resource="stateMachine",
            resource_name=f"{self.prefix}{name}" + (f":{alias}" if alias else ""),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        return arn

    def _grant(self, row: FunctionRow) -> None:
        """What the catalogue says the function needs, and nothing else."""
        role, bucket, data = self.functions.of[row.name].role, self.data.objects.bucket, self.data
        for login in row.logins:
            self._allow(role, ["rds-db:connect"], [self._login_arn(login)])
        needs = {*row.needs, *(("queue:nudge",) if "app" in row.logins else ())}  # who commits events wakes the relay
        for need in sorted(needs):
            actions, resources = {
                "objects:read": (["s3:GetObject", "s3:GetObjectVersion"], [bucket.arn_for_objects("*")]),
                "objects:list": (["s3:ListBucket", "s3:ListBucketMultipartUploads"], [bucket.bucket_arn]),
                "objects:write": (_WRITES, [bucket.arn_for_objects("*")]),
                "objects:lock": (_LOCKS, [bucket.arn_for_objects("*")]),
                "objects:remove": (_REMOVES, [bucket.arn_for_objects("*")]),
                "search": (
                    ["es:ESHttpGet", "es:ESHttpPost", "es:ESHttpPut", "es:ESHttpDelete", "es:ESHttpHead"],
                    [f"{data.search.domain.domain_arn}/*"],
                ),
                "search:admin": (["sts:AssumeRole"], [data.search.admin.role_arn]),
                "events:put": (["events:PutEvents"], [self.queues.bus.event_bus_arn]),
                "queue:send": (["sqs:SendMessage", "sqs:GetQueueUrl"], self._queue_arns()),
                "queue:nudge": (["sqs:SendMessage", "sqs:GetQueueUrl"], [self.queues.queues[NUDGE].queue_arn]),
                "machines:start": (["states:StartExecution"], self._machine_arns()),
                "machines:answer": (_ANSWERS, self._machine_arns()),
                "machines:stop": (["states:StopExecution", "states:DescribeExecution"], self._execution_arns()),
                "secret:master": (["secretsmanager:GetSecretValue"], [data.master.secret_arn]),
                "secret:admin": (["secretsmanager:GetSecretValue"], [data.database.admin_secret_arn]),
                "internet": ([], []),
                "release:try": ([], []),  # delivery.py
                **release_needs(self, machines=self._machine_arns()),
            }[need]
            if actions:
                self._allow(role, actions, resources)
        if {"objects:read", "objects:remove"} & needs:  # without it S3 says "forbidden" of what is not there
            self._allow(role, ["s3:ListBucket"], [bucket.bucket_arn])
        # its own environment, secrets and objects are ciphertext; new objects and messages need a key of their own
        writes = ["kms:GenerateDataKey"] if "objects:write" in needs else []
        self._allow(role, ["kms:Decrypt", *writes], [data.keys.data.key_arn])
        if any(need.startswith(("queue:", "events:")) for need in needs):
            self._allow(role, ["kms:Decrypt", "kms:GenerateDataKey"], [data.keys.messages.key_arn])

    def _allow(self, role: Any, actions: list[str], resources: list[str]) -> None:
        role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=resources))

    def _login_arn(self, login: str) -> str:
        """The login at the proxy, whose id is the last part of its ARN."""
        proxy = self.data.database.proxy_id
        arn: str = self.format_arn(
            service="rds-db",
            resource="dbuser",
            resource_name=f"{proxy}/bidproof_{login}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        return arn

    def _queue_arns(self) -> list[str]:
        return [queue.queue_arn for queue in self.queues.queues.values()]

    def _machine_arns(self) -> list[str]:
        return [arn for name in FILES for arn in (self.machine_arn(name), self.machine_arn(name, "*"))]

    def _execution_arns(self) -> list[str]:
        return [
            self.format_arn(
                service="states",
                resource="execution",
                resource_name=f"{self.prefix}{name}:*",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            for name in FILES
        ]

    def _triggers(self) -> None:
        for name, consumer in self.queues.consumers.items():
            self.queues.feed(name, self.functions.aliases[consumer], concurrency=CATALOGUE[consumer].concurrency)
        self.queues.feed_dead(self.functions.aliases["record_dead_message"])
        group = scheduler.ScheduleGroup(self, "Schedules", schedule_group_name=self.prefix.rstrip("-"))
        of_group = {"aws:SourceAccount": self.account, "aws:SourceArn": group.schedule_group_arn}
        caller = iam.ServicePrincipal("scheduler.amazonaws.com", conditions={"StringEquals": of_group})
        role = iam.Role(self, "SchedulesRole", assumed_by=caller)  # one for all: 500 resources are soon used up
        for row in CATALOGUE.values():
            if row.trigger.startswith("schedule:"):
                self._schedule(row, group, role)

    def _sign_in(self) -> None:
        """The user pool, and no other of the account, may ask for the tenant of a token."""
        if self.data.identity.pool is not None:
            self.functions.aliases[TRIGGER].add_permission(
                "UserPool",
                principal=iam.ServicePrincipal("cognito-idp.amazonaws.com"),
                source_arn=self.data.identity.pool.user_pool_arn,
            )

    def _migrate(self, release: str) -> None:
        """The schema of the release, before any of its functions gets traffic (expand, then contract: O80)."""
        function, data = self.functions.of["migrate_schema"], self.data.database
        for admin in (function, self.functions.of["enroll_tenant"]):
            url = f"postgresql://{data.endpoint}:5432/{DATABASE}?sslmode=require"
            admin.add_environment("ADMIN_DATABASE_URL", url)
            admin.add_environment("ADMIN_SECRET_ARN", data.admin_secret_arn)
        step = CustomResource(self, "Schema", service_token=function.function_arn, properties={"Release": release})
        self._enroll(step)
        self._before_traffic(step)

    def _admit_searching(self, release: str) -> None:
        """Rights in the search domain for who searches, again when the list, the release or the domain is another."""
        function, search = self.functions.of[ADMITS], self.data.search
        function.add_environment("SEARCH_ADMIN_ROLE", search.admin.role_arn)
        properties = {"Roles": self._searching(), "Release": release, "Domain": search.domain.domain_endpoint}
        step = CustomResource(self, "SearchAccess", service_token=function.function_arn, properties=properties)
        self._before_traffic(step)

    def _before_traffic(self, step: Any) -> None:
        """What callers and new executions use comes after the step."""
        for alias in (*self.functions.aliases.values(), *self.workflows.aliases.values()):
            alias.node.add_dependency(step)

    def _enroll(self, schema: Any) -> None:
        """The smoke tenant and its machines, before a release is tried as them; another issuer's stage has none."""
        identity = self.data.identity
        if identity.pool is None:
            return
        people = {role: client.user_pool_client_id for role, client in identity.machines.items()}
        told = {"Code": "smoke", "Name": "Smoke tests of releases", "Tier": "enterprise", "Issuer": identity.issuer}
        arn = self.functions.of["enroll_tenant"].function_arn
        step = CustomResource(self, "SmokeTenant", service_token=arn, properties=told | {"People": people})
        step.node.add_dependency(schema)
        self.functions.aliases["api"].node.add_dependency(step)

    def _schedule(self, row: FunctionRow, group: Any, role: Any) -> None:
        scheduler.Schedule(
            self,
            f"Every{row.name.title().replace('_', '')}",
            schedule_name=f"{self.prefix}{row.name}",
            schedule_group=group,
            schedule=scheduler.ScheduleExpression.rate(Duration.minutes(int(row.trigger.partition(":")[2]))),
            target=targets.LambdaInvoke(
                self.functions.aliases[row.name],
                role=role,
                dead_letter_queue=self.queues.undelivered,
                retry_attempts=0,  # the next minute is the retry
                max_event_age=Duration.minutes(1),
            ),
        )
