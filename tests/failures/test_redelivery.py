"""1,000 accepted uploads, each message delivered five times, starters killed on the way (W15, F8, F9 of spec 06)."""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from functions.start_work.handler import handler as start_work
from infra.local.postgres import Databases
from shared.adapters.local_workflows import LocalWorkflows
from shared.adapters.postgres.dispatch import PostgresDispatch
from shared.adapters.postgres.outbox import envelope
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.executions import Startable
from shared.domain.jobs import DEADLINES, Job
from shared.usecases.reconcile_runs import ReconcileRuns, reconcile_runs
from shared.wiring import Services
from tests.product import TestProduct, standing_product
from tests.records import clock, ids, make_records, pool
from tests.sweeping import sweep

TENANTS, JOBS, TIMES = 25, 40, 5
BATCH = 10  # messages that Lambda gets at once
STARTERS = 3
KILLED = 0.05  # share of the starts that die before the execution is started, and again after it


class Killed(Exception):
    """The starter's process is gone."""


class Killing(LocalWorkflows):
    """Starters die around StartExecution while `chance` is set."""

    chance: random.Random | None = None

    def __init__(self, platform_url: str) -> None:
        super().__init__(pool(platform_url))
        self.killed: Counter[str] = Counter()
        self.lock = threading.Lock()

    def start(self, machine: str, *, name: str, input: Mapping[str, Any]) -> str:
        with self.lock:
            drawn = self.chance.random() if self.chance else 1.0
        if drawn < KILLED:
            self.killed["before"] += 1
            raise Killed
        reference = super().start(machine, name=name, input=input)
        if drawn < 2 * KILLED:
            self.killed["after"] += 1
            raise Killed
        return reference


class Noting(PostgresDispatch):
    """Keeps the names of all runs that it marked as started."""

    marked: list[str]

    def next_job(self, *, lane: str, max_running: int) -> Startable | None:
        job = super().next_job(lane=lane, max_running=max_running)
        if job is not None:
            self.marked.append(job.execution_name)
        return job


class Context:
    """What Lambda tells a handler."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture(scope="module")
def product(own_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestProduct]:
    def prepare(made: Services) -> None:
        dispatch = Noting(pool(own_databases.dispatch_url))
        dispatch.marked = []
        vars(made).update(workflows=Killing(own_databases.platform_url), dispatch=dispatch)

    with psycopg.connect(own_databases.owner_url) as owner:  # which looks at the rows of all tenants of this database
        for table in ("jobs", "runs"):
            owner.execute(f"alter table {table} no force row level security")
    with standing_product(own_databases, tmp_path_factory.mktemp("product"), prepare) as standing:
        yield standing


def an_upload(records: PostgresRecords) -> None:
    """What the acceptance of a document leaves for the starter."""
    job = Job(
        job_id=ids.new("job"),
        tenant_id=records.actor.tenant_id,
        job_type="ingest_document",
        resource_type="document",
        resource_id=ids.new("doc"),
        deadline_at=clock.now() + DEADLINES["ingest_document"],
    )
    records.jobs.accept(job, run_id=ids.new("run"))


def accepted(databases: Databases) -> list[dict[str, Any]]:
    """The messages of all uploads."""
    told = []
    for _ in range(TENANTS):
        records = make_records(databases)
        with records.transaction():
            for _ in range(JOBS):
                an_upload(records)
        told += records.session.rows("select * from outbox_events where event_type = 'job.queued'")
    return [
        {"messageId": str(number), "body": json.dumps(envelope(row)), "messageAttributes": {}, "eventSourceARN": "a:b"}
        for number, row in enumerate(told)
    ]


def end_what_runs(databases: Databases) -> None:
    """The executions that were noted do their work, and their slots are free again."""
    with psycopg.connect(databases.owner_url) as owner:
        owner.execute("""
            with ended as (update runs set status = 'succeeded'
              where status = 'started' and execution_ref is not null returning tenant_id, job_id)
            update jobs j set status = 'succeeded' from ended e where (j.tenant_id, j.job_id) = (e.tenant_id, e.job_id)
        """)


def deliver(product: TestProduct, messages: list[dict[str, Any]]) -> None:
    """Each message TIMES times, in any order, to several starters; what a killed one held comes again."""
    order = random.Random(15)
    left = messages * TIMES
    order.shuffle(left)

    def take(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
        try:
            failed = start_work({"Records": batch}, Context())["batchItemFailures"]
        except Killed:
            return batch
        again = {item["itemIdentifier"] for item in failed}
        return [message for message in batch if message["messageId"] in again]

    with ThreadPoolExecutor(STARTERS) as starters:
        while left:
            batches = [left[at : at + BATCH] for at in range(0, len(left), BATCH)]
            left = []
            for number, again in enumerate(starters.map(take, batches)):
                left += again
                if number % STARTERS == 0:
                    end_what_runs(product.databases)


def test_w15_f08_f09_a_thousand_uploads_five_deliveries_and_killed_starters_make_a_thousand_executions(
    product: TestProduct,
) -> None:
    databases, workflows, dispatch = product.databases, product.made.workflows, product.made.dispatch
    assert isinstance(workflows, Killing) and isinstance(dispatch, Noting)
    messages = accepted(databases)
    workflows.chance = random.Random(9)
    deliver(product, messages)
    workflows.chance = None
    assert min(workflows.killed["before"], workflows.killed["after"]) > 20
    for _ in range(3):  # the minute passes in which nobody may start what another one might be about to start
        with psycopg.connect(databases.owner_url) as owner:
            owner.execute("update runs set started_at = started_at - interval '61 s' where execution_ref is null")
        healed = sweep(databases, reconcile_runs, ReconcileRuns())["unstarted_runs"]
        end_what_runs(databases)
        deliver(product, messages[:BATCH])
    assert healed.found == 0
    with psycopg.connect(databases.owner_url) as owner:
        runs = owner.execute("select job_id, run_no, status, execution_name, execution_ref from runs").fetchall()
    with psycopg.connect(databases.platform_url) as platform:
        executions = platform.execute("select execution_id, name from local_platform.executions").fetchall()
    assert len(messages) == len(runs) == len(executions) == TENANTS * JOBS
    assert Counter(dispatch.marked) == Counter(row[3] for row in runs), "each run was started once"
    assert all(name == f"{job_id}-1" and (no, status) == (1, "succeeded") for job_id, no, status, name, _ in runs)
    assert sorted((row[4], row[3]) for row in runs) == sorted(executions)
