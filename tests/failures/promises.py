"""What every row of the failure table promises: no lost job, no double effect, no false success, no open step."""

from collections import Counter
from typing import Any

import psycopg

from shared.adapters.postgres.trail import chain_hash, tenant_audit_key
from shared.adapters.system import derive_key
from tests.failures.waiting import wait_for
from tests.product import TestProduct

# a step that failed or was tried again tells so; that is no second effect
AGAIN = {"job.running", "job.retrying", "job.started", "job.retry.scheduled"}
ENDINGS = {"succeeded": "succeeded", "failed": "failed", "canceled": "stopped"}


class Rows:
    """The rows of the product's tenant as the owner of the tables sees them."""

    def __init__(self, product: TestProduct) -> None:
        self._product = product

    def all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of one query."""
        with psycopg.connect(self._product.databases.owner_url) as connection:
            connection.execute("select set_config('app.tenant_id', %s, true)", (self._product.tenant_id,))
            return connection.execute(query, values).fetchall()

    def column(self, query: str, *values: Any) -> list[Any]:
        """The first column of one query."""
        return [row[0] for row in self.all(query, *values)]

    def platform(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of one query on the local platform's schema; asked again when a test killed the connection."""
        while True:
            try:
                with psycopg.connect(self._product.databases.platform_url) as connection:
                    return connection.execute(query, values).fetchall()
            except psycopg.errors.AdminShutdown:
                continue

    def status(self, job_id: str) -> str:
        """Of the job."""
        return str(self.column("select status from jobs where job_id = %s", job_id)[0])

    def states(self, job_id: str) -> list[str]:
        """The states of the job, in order."""
        actions = self.column("select action from audit_log where resource_id = %s order by seq", job_id)
        return [action.removeprefix("job.") for action in actions if action.startswith("job.")]

    def told(self, job_id: str) -> Counter[str]:
        """How often each run event of the job's runs was told."""
        return Counter(
            self.column(
                "select event_type from run_events e join runs r using (tenant_id, run_id) where r.job_id = %s", job_id
            )
        )

    def attempts(self, job_id: str, step: str, item: str = "") -> list[tuple[Any, ...]]:
        """Attempt, error code, start and end of each noted try."""
        return self.all(
            """select attempt, error_code, a.started_at, a.ended_at from step_attempts a
                 join runs r using (tenant_id, run_id)
                where r.job_id = %s and step = %s and item_key = %s order by attempt""",
            job_id,
            step,
            item,
        )


def check_promises(product: TestProduct, job_id: str, status: str, *, code: str | None = None) -> Rows:
    """The job ended in `status` with one run that tells it; everything stands once, nothing is left under way."""
    rows = Rows(product)
    wait_for(lambda: not rows.platform(_RUNNING, f"%:{job_id}-%"))
    assert rows.platform(_LINES, f"%:{job_id}-%") == []
    [job] = rows.all("select status, error_code, dlq_id is not null, resource_id from jobs where job_id = %s", job_id)
    assert job[:3] == (status, code, status == "failed")
    runs = rows.all("select status, last_seq from runs where job_id = %s", job_id)
    assert [run[0] for run in runs] == [ENDINGS[status]]
    sequence = rows.column(
        "select seq from run_events join runs using (tenant_id, run_id) where job_id = %s order by seq", job_id
    )
    assert sequence == list(range(1, runs[0][1] + 1))
    assert rows.column(_OPEN_STEPS, job_id) == []
    dead = rows.all("select error_code, status from dlq_items where job_id = %s", job_id)
    assert dead == ([(code, "open")] if status == "failed" else [])
    _check_once(rows, job_id, str(job[3]))
    _check_chain(product, rows)
    return rows


_RUNNING = "select from local_platform.executions where execution_id like %s and status = 'RUNNING'"
_LINES = """select state, phase from local_platform.frames
             where execution_id like %s and (due_at is not null or token is not null)"""
_OPEN_STEPS = """select step from step_attempts a join runs r using (tenant_id, run_id)
                  where r.job_id = %s and a.ended_at is null"""


def _check_once(rows: Rows, job_id: str, resource_id: str) -> None:
    """Each state is entered, each event sent and each closing told once."""
    for one in (job_id, resource_id):
        for table, kind, about in (
            ("audit_log", "action", "resource_id"),
            ("outbox_events", "event_type", "aggregate_id"),
        ):
            found = Counter(rows.column(f"select {kind} from {table} where {about} = %s", one))
            twice = {name: count for name, count in found.items() if count > 1 and name not in AGAIN}
            assert twice == {}, (table, one)
    told = rows.told(job_id)
    endings = {name: told[name] for name in told if name.startswith("run.") and name != "run.stage.changed"}
    assert endings.keys() >= {"run.closed"} and set(endings.values()) == {1}


def _check_chain(product: TestProduct, rows: Rows) -> None:
    """The audit chain of the tenant has no gap and no entry that was changed."""
    key = tenant_audit_key(derive_key(product.made.master, "audit"), product.tenant_id)
    before = None
    entries = rows.all("select seq, prev_hash, entry_hash, entry from audit_log order by seq")
    for number, (seq, previous, own, entry) in enumerate(entries, 1):
        assert (seq, before or previous, chain_hash(key, previous, entry)) == (number, previous, own)
        before = own
