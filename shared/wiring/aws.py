"""The adapters of a function on AWS: S3, SQS, EventBridge, Step Functions, OpenSearch, logins by IAM."""

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import psycopg
from psycopg_pool import ConnectionPool

from shared.adapters.aws_calls import aws_client
from shared.adapters.aws_secrets import read_secret
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.postgres.session import open_pool
from shared.adapters.rds_login import RdsLogin
from shared.adapters.sqs import SqsQueue
from shared.domain.errors import CodedError
from shared.ports.deployments import Deployments
from shared.ports.dispatch import Outbox
from shared.ports.objects import ObjectStore
from shared.ports.platform import Queue, Workflows
from shared.ports.reading import ChunkIndex, IndexGenerations
from shared.ports.release_under_test import ReleaseUnderTest
from shared.ports.schema import Schema
from shared.ports.search_access import SearchAccess
from shared.ports.telemetry import Telemetry
from shared.settings import Settings
from shared.wiring.made_once import made_once
from shared.wiring.services import Services

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

NUDGE = "relay-outbox"  # the queue of relay_outbox (W96)
log = logging.getLogger(__name__)


class AwsServices(Services):
    """The adapters of one function."""

    @made_once
    def objects(self) -> ObjectStore:
        """Stored bytes: a bucket with versions and Object Lock."""
        from shared.adapters.s3 import S3Objects

        client = self._client("s3", calls=self.outbound)
        return S3Objects(client, bucket=self.settings.objects_bucket, clock=self.clock)

    def index(self, records: PostgresRecords) -> ChunkIndex:
        """The search index of the records' tenant."""
        return self.opensearch_of(records.actor.tenant_id).searched()

    def generations(self, records: PostgresRecords) -> IndexGenerations:
        """The generations of that index."""
        return self.opensearch_of(records.actor.tenant_id)

    @made_once
    def opensearch(self) -> "OpenSearch":
        """The client of the domain, its requests signed as this function's role (SigV4)."""
        from shared.adapters.opensearch_client import opensearch_client, signed_by

        signer = signed_by(region=self.settings.region)
        return opensearch_client(self.settings.opensearch_url, calls=self.outbound, signer=signer)

    @made_once
    def workflows(self) -> Workflows:
        """Executions of the state machines' aliases."""
        from shared.adapters.stepfunctions import StepFunctionsWorkflows

        machines = json.loads(self.settings.state_machines)
        return StepFunctionsWorkflows(self._client("stepfunctions", calls=self.outbound), machines=machines)

    @made_once
    def telemetry(self) -> Telemetry:
        """EMF lines and X-Ray subsegments."""
        from shared.adapters.powertools import PowertoolsTelemetry

        return PowertoolsTelemetry(stage=self.settings.stage)

    def deployments(self, records: PostgresRecords) -> Deployments:
        """Aliases of functions and state machines, alarms of CloudWatch."""
        from shared.adapters.aws_deployments import AwsDeployments

        return AwsDeployments(
            functions=self._client("lambda", calls=self.outbound),
            machines=self._client("stepfunctions", calls=self.outbound),
            watch=self._client("cloudwatch", calls=self.outbound),
            prefix=self.settings.queue_prefix,
            aliases=json.loads(self.settings.state_machines),
            configurations=records.releases.configurations,
        )

    @made_once
    def queue(self) -> Queue:
        """Messages to one consumer."""
        return SqsQueue(self._client("sqs", calls=self.outbound), prefix=self.settings.queue_prefix)

    @made_once
    def outbox(self) -> Outbox:
        """The relay from the outbox to the bus."""
        from shared.adapters.eventbridge import EventBridgeBus
        from shared.adapters.postgres.outbox import PostgresOutbox

        bus = EventBridgeBus(self._client("events"), bus=self.settings.event_bus)  # the relay is its own retry (W96)
        return PostgresOutbox(self._pool(self.settings.relay_url, size=2), bus)

    @made_once
    def release(self) -> ReleaseUnderTest:
        """What the setting names, called with tokens of the smoke tenant's machine clients."""
        from shared.adapters.machine_tokens import MachineTokens
        from shared.adapters.release_lambda import LambdaRelease

        under_test = json.loads(self.settings.release_under_test)
        tokens = MachineTokens(
            self._client("cognito-idp"),
            user_pool=under_test["user_pool"],
            token_url=under_test["token_url"],
            clients=under_test["clients"],
        )
        return LambdaRelease(self._client("lambda"), under_test["function"], tokens)

    @property
    def schema(self) -> Schema:
        """The cluster itself, not the proxy, as the administrator whose password RDS keeps and rotates."""
        from shared.adapters.postgres.provision import AdministeredSchema

        kept = json.loads(read_secret(self._client("secretsmanager"), self.settings.admin_secret))
        login = f"{quote(kept['username'], safe='')}:{quote(kept['password'], safe='')}"
        return AdministeredSchema(self.settings.admin_url.replace("://", f"://{login}@", 1))

    @property
    def search_access(self) -> SearchAccess:
        """The domain's security plugin, as the role that the domain knows as its first user."""
        from shared.adapters.opensearch_access import OpenSearchAccess, as_first_user

        role, region = self.settings.search_admin_role, self.settings.region
        return OpenSearchAccess(
            lambda: as_first_user(self.settings.opensearch_url, region=region, role=role, sts=self._client("sts"))
        )

    @property
    def nudge(self) -> Callable[[], None] | None:
        """A message to the relay after a commit with events; lost, the next minute finds them (W96)."""
        return self._nudge if self.settings.queue_prefix else None

    @made_once
    def _nudges(self) -> Queue:
        """Without tries: a request must not wait for a hint."""
        return SqsQueue(self._client("sqs", timeout=2), prefix=self.settings.queue_prefix)

    def _nudge(self) -> None:
        try:
            self._nudges.send(NUDGE, {})
        except CodedError as error:
            log.warning("BP_OUTBOX_NUDGE_LOST", extra={"error_code": error.code})

    @made_once
    def _login(self) -> RdsLogin:
        """Tokens of IAM as passwords."""
        return RdsLogin(self._client("rds"))

    def _pool(self, url: str, *, size: int) -> ConnectionPool[psycopg.Connection[Any]]:
        """Connections as the URL's login; a URL with a password of its own keeps it."""
        password = self._login.password if urlsplit(url).password is None else None
        return self._kept(open_pool(url, size=size, password=password))

    def _master_key(self, settings: Settings) -> bytes:
        """Read from Secrets Manager when the process starts."""
        client = aws_client("secretsmanager", region=settings.region)
        return read_secret(client, settings.master_secret).encode()

    def _client(self, service: str, **options: Any) -> Any:
        return aws_client(service, region=self.settings.region, **options)
