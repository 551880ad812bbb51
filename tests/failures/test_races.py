"""A cancel and a finishing step at once: the first commit wins, the other one sees a terminal job (W110 of spec 06)."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from functions.entry import Canceled
from functions.finish_evaluation.handler import handler as finish
from infra.local.postgres import Databases
from shared.adapters.postgres.moves import Moves
from shared.domain.errors import Refused
from shared.usecases.cancel_job import CancelJob, cancel_job
from shared.usecases.start_evaluation import StartedEvaluation
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.failures.waiting import wait_for
from tests.product import TestProduct, standing_product
from tests.records import make_records

RACES = 100
FORCED = 10  # of them with the cancel first and as many with the step first, the other one at the door
WAITING = """select count(*) from pg_locks where not granted
and (database is null or database = (select oid from pg_database where datname = current_database()))"""


class Context:
    """What Lambda tells a handler."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture(scope="module")
def product(own_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestProduct]:
    with standing_product(own_databases, tmp_path_factory.mktemp("product")) as standing:
        yield standing


@pytest.fixture(scope="module")
def seed(product: TestProduct) -> Seed:
    records = make_records(product.databases, product.tenant_id)
    return Seed(records, limit_and_judged()[:1], url=product.databases.app_url)


@dataclass
class Race:
    """One job at its last step, and both sides of the race for it; `holder` waits inside of its transaction until
    the other side waits for it."""

    product: TestProduct
    made: StartedEvaluation
    holder: str | None = None
    inside: threading.Event = field(default_factory=threading.Event)
    together: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=30))
    side: threading.local = field(default_factory=threading.local)

    def step(self) -> str:
        """FinishEvaluation as the machine calls it."""
        self._line_up("step")
        job = self.made.job
        scope = {"tenant_id": job.tenant_id, "job_id": job.job_id, "run_id": self.made.run_id, "trace": "0" * 32}
        event = {"scope": {**scope, "state": "FinishEvaluation", "attempt": 0}}
        try:
            finish({**event, "command": {"evaluation_id": job.resource_id}}, Context())
        except Canceled:
            return "stopped at the door"
        except Refused as refused:
            assert refused.code == "JOB_CANCELED"
            return "stopped at its write"
        return "won"

    def cancel(self) -> str:
        """The person's request."""
        self._line_up("cancel")
        try:
            self.product.run(cancel_job, CancelJob(job_id=self.made.job.job_id, reason="withdrawn"))
        except Refused as refused:
            assert (refused.code, refused.details["status"]) == ("JOB_CANCEL_CONFLICT", "succeeded")
            return "conflict"
        return "won"

    def _line_up(self, side: str) -> None:
        self.side.name = side
        self.together.wait()
        if self.holder not in (None, side):
            assert self.inside.wait(30)

    def hold(self, moves: Moves, run_id: str, status: str) -> None:
        """In place of Moves.close_run, the last statement of both."""
        if getattr(self.side, "name", "") == self.holder:
            self.inside.set()
            wait_for(self._somebody_waits)
        close_run(moves, run_id, status)

    def _somebody_waits(self) -> bool:
        with psycopg.connect(self.product.databases.platform_url) as connection:
            row = connection.execute(WAITING).fetchone()
        return bool(row and row[0])

    def run(self) -> tuple[str, str]:
        """What became of the step and of the cancel."""
        with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as both:
            patch.setattr(Moves, "close_run", lambda moves, run_id, status: self.hold(moves, run_id, status))
            sides: list[Callable[[], str]] = [self.step, self.cancel]
            step, cancel = (one.result() for one in [both.submit(side) for side in sides])
        return step, cancel


close_run = Moves.close_run


def at_its_last_step(seed: Seed, product: TestProduct, code: str) -> StartedEvaluation:
    """A running job whose evaluation has its report."""
    made = seed.start(seed.bid(code, BID[0]), force_review=False)
    with psycopg.connect(product.databases.owner_url) as owner:
        owner.execute("select set_config('app.tenant_id', %s, true)", (product.tenant_id,))
        owner.execute(
            "update evaluations set status = 'report_generated', stage = 'report' where evaluation_id = %s",
            (made.evaluation.evaluation_id,),
        )
        owner.execute(
            "update jobs set stage = 'report', step = 'FinishEvaluation' where job_id = %s", (made.job.job_id,)
        )
    return made


def ends_of(product: TestProduct, job_id: str) -> list[Any]:
    """What outbox and audit log say about the end of the job."""
    rows = product.parts().records.session.rows(
        """select event_type as what from outbox_events where aggregate_id = %(id)s
             and event_type in ('job.succeeded', 'job.canceled')
           union all select action from audit_log where resource_id = %(id)s
             and action in ('job.succeeded', 'job.canceled')""",
        id=job_id,
    )
    return [row["what"] for row in rows]


def test_w110_in_100_races_the_first_commit_wins_and_the_other_sees_a_terminal_job(
    product: TestProduct, seed: Seed
) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for number in range(RACES):
        holder = "step" if number < FORCED else "cancel" if number < 2 * FORCED else None
        race = Race(product, at_its_last_step(seed, product, f"S-{number}"), holder)
        step, cancel = race.run()
        assert (step == "won") == (cancel == "conflict"), (number, step, cancel)
        assert holder is None or (step if holder == "step" else cancel) == "won", (number, step, cancel)
        status = "succeeded" if step == "won" else "canceled"
        job = product.parts().records.jobs.get(race.made.job.job_id)
        run = product.parts().records.jobs.run(race.made.run_id)
        assert (job.status, run.status) == (status, "succeeded" if step == "won" else "stopped")
        assert ends_of(product, job.job_id) == [f"job.{status}"] * 2
        seen[step, cancel] += 1
    assert seen["won", "conflict"] >= FORCED
    assert seen["stopped at the door", "won"] + seen["stopped at its write", "won"] >= FORCED, seen
