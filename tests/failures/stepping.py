"""Executions taken state by state in the test's hands, with a look at every transaction that a step begins."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from infra.local.state_machine import Handler, StateMachine, resolve_function
from shared.adapters.postgres.outbox import envelope
from shared.adapters.postgres.session import Session
from shared.usecases.claim_review import ClaimReview, claim_review
from shared.usecases.deliver_wait import DeliverWait, deliver_wait
from shared.usecases.start_work import StartWork, start_work
from shared.usecases.submit_review import SubmitReview, submit_review
from tests.product import TestProduct

_begin = Session._begin


@dataclass
class Watch:
    """Counts the transactions of steps, by state; calls `then` once, before the transaction `at` of `state` begins
    (0: before the handler is called)."""

    state: str = ""
    at: int = -1
    then: Callable[[], None] = lambda: None
    begins: Counter[str] = field(default_factory=Counter)
    entered: list[str] = field(default_factory=list)
    _now: str | None = None
    _own: threading.local = field(default_factory=threading.local)
    _done: bool = False

    def enter(self, state: str) -> None:
        """A handler is about to be called; only the first time in a state counts."""
        self._now = state if state not in self.entered else None
        self.entered.append(state)
        self._meet()

    def leave(self) -> None:
        """The handler has ended."""
        self._now = None

    def begin(self, session: Session, connection: psycopg.Connection[Any]) -> None:
        """In place of Session._begin."""
        if not getattr(self._own, "busy", False) and self._now is not None:
            self.begins[self._now] += 1
            self._meet()
        _begin(session, connection)

    def _meet(self) -> None:
        if self._done or self._now != self.state or self.begins[self.state] != self.at:
            return
        self._done = self._own.busy = True
        try:
            self.then()
        finally:
            self._own.busy = False


@dataclass
class Stepping:
    """A product without a worker; `fails` names functions that raise instead."""

    product: TestProduct
    watch: Watch
    fails: dict[str, Exception] = field(default_factory=dict)

    def run(self) -> None:
        """Start what is queued and go on until nothing is due."""
        self.product.run(start_work, StartWork(), kind="system")
        machine = StateMachine(self._resolve)
        with psycopg.connect(self.product.databases.platform_url, autocommit=True) as connection:
            while machine.run_next(connection):
                pass

    def _resolve(self, name: str) -> Handler:
        handler = resolve_function(name)

        def watched(event: Any, context: Any) -> Any:
            self.watch.enter(event["scope"]["state"])
            try:
                if name in self.fails:
                    raise self.fails[name]
                return handler(event, context)
            finally:
                self.watch.leave()

        return watched

    def answer(self, evaluation_id: str, *edits: dict[str, Any]) -> None:
        """Somebody claims the review and gives points; the decision is delivered and the execution goes on."""
        product, person = self.product, {"actor_id": "usr_reviewer", "roles": ("evaluator",)}
        records = product.parts().records
        review = records.reviews.live(evaluation_id)
        assert review is not None
        claimed = product.run(claim_review, ClaimReview(review_id=review.review_id), **person)
        command = SubmitReview(
            review_id=review.review_id,
            resume_token=claimed.resume_token,
            decision="edit_scores",
            comment="Read and decided.",
            edits=edits,
        )
        product.run(submit_review, command, **person)
        row = records.session.row("select * from outbox_events where event_type = 'review.submitted'")
        assert row is not None
        product.run(deliver_wait, DeliverWait(event=envelope(row)), kind="system")
        self.run()

    def expire(self) -> None:
        """Nobody answers until the machine's timeout, which passes now."""
        with psycopg.connect(self.product.databases.owner_url) as owner:
            owner.execute("select set_config('app.tenant_id', %s, true)", (self.product.tenant_id,))
            owner.execute("update reviews set due_at = clock_timestamp() - interval '1 second'")
        with psycopg.connect(self.product.databases.platform_url) as platform:
            platform.execute("update local_platform.tokens set timeout_at = clock_timestamp() - interval '1 second'")
            platform.execute("update local_platform.frames set due_at = clock_timestamp() where phase = 'token'")
        self.run()
