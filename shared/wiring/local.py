"""The adapters of one machine: folders as objects, PostgreSQL as queue, bus and execution store."""

import logging
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.system import derive_key
from shared.domain.errors import Permanent
from shared.ports.deployments import Deployments
from shared.ports.dispatch import Outbox
from shared.ports.objects import ObjectStore
from shared.ports.platform import Queue, Workflows
from shared.ports.reading import ChunkIndex, IndexGenerations
from shared.ports.schema import Schema
from shared.ports.search_access import SearchAccess
from shared.ports.telemetry import Telemetry
from shared.wiring.made_once import made_once
from shared.wiring.services import Services

log = logging.getLogger("bidproof.wiring")


class LocalServices(Services):
    """The adapters of one process on one machine."""

    @made_once
    def objects(self) -> ObjectStore:
        """Stored bytes."""
        from shared.adapters.filesystem import FilesystemObjects

        return FilesystemObjects(
            self.settings.data_dir / "objects",
            base_url=self.settings.public_url,
            key=derive_key(self.master, "object-links"),
            clock=self.clock,
        )

    def index(self, records: PostgresRecords) -> ChunkIndex:
        """The search index of the records' tenant."""
        from shared.domain.embedding_profiles import PROFILE_ID

        tenant_id = records.actor.tenant_id
        if self.settings.search == "opensearch":
            return self.opensearch_of(tenant_id).searched()
        from shared.adapters.embedded_index import EmbeddedIndex

        root, searched = self.settings.data_dir / "index", records.chunks.generations.searched()
        return EmbeddedIndex(root, records.session, tenant_id=tenant_id, profile_id=PROFILE_ID, generation=searched)

    def generations(self, records: PostgresRecords) -> IndexGenerations:
        """The generations of that index."""
        from shared.domain.embedding_profiles import PROFILE_ID

        tenant_id = records.actor.tenant_id
        if self.settings.search == "opensearch":
            return self.opensearch_of(tenant_id)
        from shared.adapters.embedded_generations import EmbeddedGenerations

        root = self.settings.data_dir / "index"
        return EmbeddedGenerations(root, records.session, tenant_id=tenant_id, profile_id=PROFILE_ID)

    @made_once
    def workflows(self) -> Workflows:
        """Executions of the state machines."""
        from shared.adapters.local_workflows import LocalWorkflows

        return LocalWorkflows(self.platform_pool)

    def deployments(self, records: PostgresRecords) -> Deployments:
        """Rows that stand for aliases and alarms."""
        from shared.adapters.local_deployments import LocalDeployments

        return LocalDeployments(self.platform_pool, records.releases.configurations)

    @made_once
    def platform_pool(self) -> ConnectionPool[psycopg.Connection[Any]]:
        """Connections to the local platform's schema."""
        return self._pool(self.settings.platform_url, size=4)

    @made_once
    def telemetry(self) -> Telemetry:
        """Figures that the processes of this machine share; GET /internal/metrics shows them."""
        from shared.adapters.prometheus import PrometheusTelemetry

        return PrometheusTelemetry(self.settings.data_dir / "metrics")

    @made_once
    def queue(self) -> Queue:
        """Messages to one consumer."""
        from shared.adapters.local_queue import LocalQueue

        return LocalQueue(self.platform_pool)

    @property
    def nudge(self) -> Callable[[], None]:
        """Rings the worker's bell for the relay after a commit that published events (W96, W95)."""
        return self._nudge

    def _nudge(self) -> None:
        """A notification of its own after the commit: one inside of it would make all commits wait for each other."""
        try:
            with self.platform_pool.connection() as connection:
                connection.execute("select pg_notify('bidproof_outbox', '')")
        except psycopg.Error as error:  # what was asked for is done; the relay looks every second anyway
            log.warning("BP_OUTBOX_NUDGE_LOST", extra={"error_class": type(error).__name__})

    @property
    def schema(self) -> Schema:
        """Nobody asks: one machine migrates when it starts (infra/local/postgres.py)."""
        raise Permanent("INTERNAL_ERROR", "one machine migrates when it starts")

    @property
    def search_access(self) -> SearchAccess:
        """Nobody asks: the search of one machine knows no roles."""
        raise Permanent("INTERNAL_ERROR", "the search of one machine knows no roles")

    @made_once
    def outbox(self) -> Outbox:
        """The relay from the outbox to the bus."""
        from shared.adapters.local_queue import LocalBus
        from shared.adapters.postgres.outbox import PostgresOutbox

        return PostgresOutbox(self._pool(self.settings.relay_url, size=2), LocalBus(self.platform_pool))
