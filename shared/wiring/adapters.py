"""What answers the same way on both platforms; everything heavy is made when it is first asked for, and once."""

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import ConnectionPool

from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.postgres.session import open_pool
from shared.adapters.system import AesVault, SystemClock, SystemIds, derive_key
from shared.domain.errors import Permanent
from shared.ports.deployments import Deployments
from shared.ports.dispatch import Dispatch, Outbox
from shared.ports.objects import ObjectStore
from shared.ports.platform import Clock, Ids, Queue, Vault, Workflows
from shared.ports.reading import ChunkIndex, FileInspector, IndexGenerations
from shared.ports.reasoning import Judge
from shared.ports.release_under_test import ReleaseUnderTest
from shared.ports.schema import Schema
from shared.ports.search_access import SearchAccess
from shared.ports.sweeps import Sweeps
from shared.ports.telemetry import Figures, Telemetry
from shared.ports.webhook_records import WebhookPost, WebhookQueue
from shared.settings import Settings
from shared.wiring.made_once import made_once

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

    from shared.adapters.opensearch_generations import OpenSearchGenerations
    from shared.adapters.outbound_calls import OutboundCalls
    from shared.adapters.parser_process import ParserRegistry


class Adapters(ABC):
    """The adapters of one process; a platform adds its own in a subclass."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pools: list[ConnectionPool[psycopg.Connection[Any]]] = []
        self.clock: Clock = SystemClock()
        self.ids: Ids = SystemIds(SystemClock())
        self.master = self._master_key(settings)
        self.vault: Vault = AesVault(derive_key(self.master, "vault"))

    @made_once
    def judge(self) -> Judge:
        """Who judges what no rule decides; nobody, as no model is wired."""
        from shared.adapters.no_model import NoModel

        return NoModel()

    @made_once
    def pool(self) -> ConnectionPool[psycopg.Connection[Any]]:
        """Connections as bidproof_app."""
        return self._pool(self.settings.database_url, size=self.settings.pool_size)

    @made_once
    def dispatch(self) -> Dispatch:
        """The fair queue across tenants."""
        from shared.adapters.postgres.dispatch import PostgresDispatch

        return PostgresDispatch(self._pool(self.settings.dispatch_url, size=2))

    @made_once
    def webhook_queue(self) -> WebhookQueue:
        """Due webhook deliveries over all tenants."""
        from shared.adapters.postgres.webhooks import PostgresWebhookQueue

        return PostgresWebhookQueue(self._pool(self.settings.sweep_url, size=2))

    @made_once
    def sweeps(self) -> Sweeps:
        """What the reconcilers find over all tenants."""
        from shared.adapters.postgres.sweeps import PostgresSweeps

        return PostgresSweeps(self._pool(self.settings.sweep_url, size=2))

    @made_once
    def figures(self) -> Figures:
        """What only the rows know about the whole stage."""
        from shared.adapters.postgres.figures import PostgresFigures

        return PostgresFigures(self._pool(self.settings.sweep_url, size=1), self.pool)

    @made_once
    def post_webhook(self) -> WebhookPost:
        """The call to a receiver, with the rules of production."""
        from shared.adapters.webhook_sender import WebhookSender

        return WebhookSender()

    @made_once
    def parsers(self) -> "ParserRegistry":
        """Parsers in warm child processes."""
        from shared.adapters.parser_process import ParserRegistry

        return ParserRegistry()

    @made_once
    def inspector(self) -> FileInspector:
        """What a file really is, looked at in a child process."""
        from shared.adapters.parser_process import ProcessInspector

        return ProcessInspector()

    @made_once
    def opensearch(self) -> "OpenSearch":
        """The client of the search server."""
        from shared.adapters.opensearch_client import opensearch_client

        return opensearch_client(self.settings.opensearch_url, calls=self.outbound)

    def opensearch_of(self, tenant_id: str) -> "OpenSearchGenerations":
        """A tenant's indexes in OpenSearch."""
        from shared.adapters.opensearch_generations import OpenSearchGenerations
        from shared.domain.embedding_profiles import PROFILE_ID

        shards, replicas = self.settings.search_shards, self.settings.search_replicas
        return OpenSearchGenerations(
            self.opensearch, tenant_id=tenant_id, profile_id=PROFILE_ID, shards=shards, replicas=replicas
        )

    @made_once
    def outbound(self) -> "OutboundCalls":
        """Three tries, a breaker per name and Retry-After for calls that leave the process (W21, W26).

        Its breakers have connections of their own: a call may come from within a transaction."""
        from shared.adapters.outbound_calls import OutboundCalls
        from shared.adapters.postgres.breakers import PostgresBreakers

        breakers = PostgresBreakers(self._pool(self.settings.database_url, size=2))
        return OutboundCalls(breakers, clock=self.clock, sleep=time.sleep, chance=random.random)

    @property
    def release(self) -> ReleaseUnderTest:
        """A version of the API that is tried before it gets traffic; only a deployment asks."""
        raise Permanent("INTERNAL_ERROR", "only a deployment has a release under test")

    @property
    def nudge(self) -> Callable[[], None] | None:
        """What to call after a commit with events, so that the relay need not wait for its turn (W96)."""
        return None

    def _master_key(self, settings: Settings) -> bytes:
        """The text that all other keys are derived from."""
        return settings.master_key.encode()

    def _pool(self, url: str, *, size: int) -> ConnectionPool[psycopg.Connection[Any]]:
        """Connections as the URL's login, until `close`."""
        return self._kept(open_pool(url, size=size))

    def _kept(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> ConnectionPool[psycopg.Connection[Any]]:
        self._pools.append(pool)
        return pool

    def close(self) -> None:
        """End what the adapters hold: connections of every role, parsers. For processes that make several."""
        while self._pools:
            self._pools.pop().close()
        if "parsers" in vars(self):
            self.parsers.close()

    @property
    @abstractmethod
    def objects(self) -> ObjectStore:
        """Stored bytes."""

    @abstractmethod
    def index(self, records: PostgresRecords) -> ChunkIndex:
        """The search index of the records' tenant."""

    @abstractmethod
    def generations(self, records: PostgresRecords) -> IndexGenerations:
        """The generations of that index."""

    @abstractmethod
    def deployments(self, records: PostgresRecords) -> Deployments:
        """Where versions are live; the configuration rows are those of the records."""

    @property
    @abstractmethod
    def workflows(self) -> Workflows:
        """Executions of the state machines."""

    @property
    @abstractmethod
    def telemetry(self) -> Telemetry:
        """Metrics and spans of this process."""

    @property
    @abstractmethod
    def queue(self) -> Queue:
        """Messages to one consumer."""

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """The database as its administrator sees it."""

    @property
    @abstractmethod
    def search_access(self) -> SearchAccess:
        """The rights inside the search domain, as its first user gives them."""

    @property
    @abstractmethod
    def outbox(self) -> Outbox:
        """The relay from the outbox to the bus."""
