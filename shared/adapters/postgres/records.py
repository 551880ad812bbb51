"""All tables of one tenant for one actor, over one session."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from shared.adapters.postgres.approvals import Approvals
from shared.adapters.postgres.archive_entries import ArchiveEntries
from shared.adapters.postgres.batches import Batches
from shared.adapters.postgres.chunks import Chunks
from shared.adapters.postgres.dead_letters import DeadLetters
from shared.adapters.postgres.documents import Documents
from shared.adapters.postgres.evaluations import Evaluations
from shared.adapters.postgres.exports import Exports
from shared.adapters.postgres.facts import Facts
from shared.adapters.postgres.idempotency import Idempotency
from shared.adapters.postgres.jobs import Jobs
from shared.adapters.postgres.leftovers import Leftovers
from shared.adapters.postgres.moves import Moves
from shared.adapters.postgres.parse_runs import ParseRuns
from shared.adapters.postgres.projects import Projects
from shared.adapters.postgres.releases import Releases
from shared.adapters.postgres.reports import Reports
from shared.adapters.postgres.reviews import Reviews
from shared.adapters.postgres.rule_packs import RulePacks
from shared.adapters.postgres.searches import Searches
from shared.adapters.postgres.session import Session
from shared.adapters.postgres.suppliers import Bids, Suppliers
from shared.adapters.postgres.sweep_repairs import Findings, Repairs
from shared.adapters.postgres.tasks import Tasks
from shared.adapters.postgres.threads import Threads
from shared.adapters.postgres.traces import Traces
from shared.adapters.postgres.trail import Trail
from shared.adapters.postgres.uploads import Uploads
from shared.adapters.postgres.users import Users
from shared.adapters.postgres.verdicts import Verdicts
from shared.adapters.postgres.webhooks import WebhookDeliveries, Webhooks
from shared.domain.context import Actor
from shared.ports.platform import Clock, Ids


class PostgresRecords:
    """The Records port over PostgreSQL; made per request or step and used by one thread at a time."""

    def __init__(
        self,
        pool: ConnectionPool[psycopg.Connection[Any]],
        actor: Actor,
        *,
        clock: Clock,
        ids: Ids,
        audit_key: bytes,
        nudge: Callable[[], None] | None = None,
    ) -> None:
        self.actor = actor
        self.session = session = Session(pool, actor, nudge=nudge)
        self.trail = Trail(session, clock=clock, ids=ids, audit_key=audit_key)
        self.jobs = Jobs(session, self.trail, clock=clock)
        self.traces = Traces(session)
        self.moves = Moves(session, self.trail, clock=clock)
        self.idempotency = Idempotency(session)
        self.users, self.projects, self.suppliers = Users(session), Projects(session), Suppliers(session)
        self.bids, self.rule_packs = Bids(session), RulePacks(session)
        self.uploads, self.documents, self.parse_runs = Uploads(session), Documents(session), ParseRuns(session)
        self.chunks, self.facts, self.archives = Chunks(session), Facts(session), ArchiveEntries(session)
        self.searches, self.evaluations, self.verdicts = Searches(session), Evaluations(session), Verdicts(session)
        self.reviews, self.reports = Reviews(session), Reports(session)
        self.approvals, self.dead_letters = Approvals(session, self.trail), DeadLetters(session, self.trail)
        self.webhooks, self.webhook_deliveries = Webhooks(session), WebhookDeliveries(session)
        self.tasks, self.exports = Tasks(session), Exports(session)
        self.batches = Batches(session, jobs=self.jobs, moves=self.moves)
        self.releases = Releases(session)
        self.findings = Findings(session, ids=ids)
        self.repairs = Repairs(session, self)
        self.threads = Threads(session)
        self.leftovers = Leftovers(
            session,
            moves=self.moves,
            trail=self.trail,
            reviews=self.reviews,
            uploads=self.uploads,
            exports=self.exports,
            threads=self.threads,
        )

    def transaction(self) -> AbstractContextManager[None]:
        """One transaction under the tenant's row security; nested ones join."""
        return self.session.transaction()
