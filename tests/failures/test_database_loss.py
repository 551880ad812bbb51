"""The database fails over in the middle of each step of both chains (F25, W11)."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from infra.local.postgres import OWNER, Databases, url_with
from shared.adapters.postgres.session import open_pool
from shared.wiring import Services
from tests.failures.faults import Fault, Faults, Try, hurried, task_states
from tests.failures.promises import Rows, check_promises
from tests.failures.waiting import Waiting, start_waiting, wait_for
from tests.failures.work import a_text, answer, at_rest, beside, check_verdicts, send
from tests.product import TestProduct, running_product

AT_COMMIT = threading.local()  # `act`: what the function of this thread does instead of each writing commit
# everybody but the test, which looks as the owner of the tables
KILL_ALL = """select pg_terminate_backend(pid) from pg_stat_activity
               where datname = %s and usename like 'bidproof%%' and usename <> %s"""


UNFENCED = {"ClaimJob"}
# entered only after a failure, an expiry, without a model, by an archive
ENTERED_ELSEWHERE = {"RecordFailure", "ExpireReview", "ParkCriteria", "UnpackArchive"}


class Doomed(psycopg.Connection[Any]):
    """A connection that lets the test act at the commit of a transaction that wrote something."""

    def execute(self, query: Any, *given: Any, **named: Any) -> Any:
        """As the connection's."""
        act = getattr(AT_COMMIT, "act", None)
        if query == "commit" and act is not None:
            wrote = super().execute("select pg_current_xact_id_if_assigned()").fetchone()
            if wrote and wrote[0] is not None:
                act(self)
        return super().execute(query, *given, **named)

    def is_fenced(self) -> bool:
        """Whether the open transaction is behind the fence of its run: it holds a shared lock on the job's name."""
        lock = "select from pg_locks where pid = pg_backend_pid() and locktype = 'advisory' and mode = 'ShareLock'"
        return super().execute(lock).fetchone() is not None  # which a pipeline waits for, as it does not for a count


@dataclass(frozen=True)
class Kill:
    """What was done at a commit of this job, state and item."""

    of: tuple[str, str, str]
    how: str


@dataclass
class Failover:
    """Kills connections in each state: everybody's before a commit, then the step's own after its next commit."""

    superuser: str
    database: str
    faults: Faults = field(default_factory=Faults)
    killed: list[Kill] = field(default_factory=list)

    def prepare(self, made: Services) -> None:
        """Let the product's connections be doomed ones."""
        made.pool.close()
        vars(made)["pool"] = made._kept(open_pool(made.settings.database_url, size=8, kind=Doomed))

    def plan(self, tried: Try, _before: int) -> Fault | None:
        """The next kill that the state has not met."""
        met = {kill.how for kill in self.killed if kill.of == (tried.job_id, tried.state, tried.item)}
        for act in (self._everybody, self._after_commit):
            if act.__name__ not in met:
                return self._meeting(act, tried)
        return None

    def _meeting(self, act: Callable[[Doomed], None], tried: Try) -> Fault:
        """The act happens once, at the first commit of the step's own work: what notes its beginning has no fence."""

        def fault(run: Callable[[], Any]) -> Any:
            acted: list[Kill] = []

            def once(connection: Doomed) -> None:
                if not acted and (tried.state in UNFENCED or connection.is_fenced()):
                    acted.append(Kill((tried.job_id, tried.state, tried.item), act.__name__))
                    self.killed.extend(acted)
                    act(connection)

            AT_COMMIT.act = once
            return run()  # in a thread of its own, which ends with the call

        return fault

    def _everybody(self, _connection: Doomed) -> None:
        with psycopg.connect(self.superuser, autocommit=True) as connection:
            connection.execute(KILL_ALL, (self.database, OWNER))

    def _after_commit(self, connection: Doomed) -> None:
        """The commit stands, and nobody hears of it."""
        psycopg.Connection.execute(connection, "commit")
        with psycopg.connect(self.superuser, autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s, 10000)", (connection.info.backend_pid,))


@dataclass(frozen=True)
class Ended:
    """A document and then an evaluation that went to their ends, and what was killed."""

    killed: list[Kill]
    product: TestProduct
    document_id: str
    document_job: str
    waiting: Waiting


@pytest.fixture(scope="module")
def ended(own_databases: Databases, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    folder, name = tmp_path_factory.mktemp("failover"), own_databases.app_url.partition("?")[0].rpartition("/")[2]
    failover = Failover(url_with(server_url, database="postgres"), name)
    failover.faults.plan = failover.plan
    with (
        hurried(own_databases.platform_url),
        running_product(own_databases, folder / "data", failover.prepare, resolve=failover.faults.resolve) as product,
    ):
        document_id, job_id = send(product, a_text(folder, "failover"))
        wait_for(lambda: Rows(product).status(job_id) in ("succeeded", "failed"))
        waiting = start_waiting(beside(product), until_waiting=False)
        wait_for(lambda: len(failover.faults.attempts(waiting.job_id, "OpenReview")) >= 3 and at_rest(waiting))
        answer(waiting)
        wait_for(lambda: Rows(waiting.product).status(waiting.job_id) in ("succeeded", "failed"))
        yield Ended(failover.killed, product, document_id, job_id, waiting)


def test_f25_a_pool_whose_idle_connections_all_died_serves_at_once(own_databases: Databases, server_url: str) -> None:
    pool = open_pool(own_databases.app_url, size=6)
    try:
        lent = [pool.getconn() for _ in range(6)]
        pids = [connection.info.backend_pid for connection in lent]
        for connection in lent:
            pool.putconn(connection)
        with psycopg.connect(server_url, autocommit=True) as superuser:
            superuser.execute("select pg_terminate_backend(pid, 10000) from unnest(%s::int[]) pid", (pids,))
        patience = 5.0  # six pauses of 1, 2, 4 ... s would take a minute
        with pool.connection(patience) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        pool.close()


@pytest.mark.parametrize("machine", ["ingest_document", "evaluate_bid"])
def test_f25_each_step_lost_the_database_before_and_after_the_commit_of_its_result(ended: Ended, machine: str) -> None:
    job_id = ended.document_job if machine == "ingest_document" else ended.waiting.job_id
    for state in set(task_states(machine)) - ENTERED_ELSEWHERE:
        kills = {kill.how for kill in ended.killed if kill.of[:2] == (job_id, state)}
        assert kills == {"_everybody", "_after_commit"}, state


def test_f25_a_document_is_indexed_once_though_the_database_fails_over_in_each_step(ended: Ended) -> None:
    rows = check_promises(ended.product, ended.document_job, "succeeded")
    document = ended.document_id
    assert rows.column("select status from documents where document_id = %s", document) == ["indexed"]
    assert rows.all("select pages_done, pages_expected from parse_runs where document_id = %s", document) == [(1, 1)]
    chunks = rows.column("select chunk_id from chunks where document_id = %s", document)
    acked = "select chunk_id from index_writes where document_id = %s and status = 'acked'"
    assert sorted(rows.column(acked, document)) == sorted(chunks) != []
    assert ended.product.parts().index.count(document) == len(chunks)


def test_f25_an_evaluation_is_reported_once_though_the_database_fails_over_in_each_step(ended: Ended) -> None:
    evaluation_id = ended.waiting.evaluation_id
    rows = check_promises(ended.waiting.product, ended.waiting.job_id, "succeeded")
    assert rows.column("select version from reports where evaluation_id = %s", evaluation_id) == [1]
    assert rows.column("select status from reviews where evaluation_id = %s", evaluation_id) == ["applied"]
    check_verdicts(rows, evaluation_id)
