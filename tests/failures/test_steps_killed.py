"""A worker is killed in the middle of a document: the next one begins with the first unfinished range (F11)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from infra.local.postgres import Databases
from tests.failures.promises import Rows, check_promises
from tests.failures.waiting import wait_for
from tests.failures.work import a_pdf, send
from tests.product import standing_product

CHECKOUT = Path(__file__).parents[2]
PAGES = 53  # two ranges
GATE = 1111
GATED = f"""
create function gate() returns trigger language plpgsql as $$
begin perform pg_advisory_xact_lock_shared({GATE}); return null; end $$;
create trigger gate after insert on blocks for each row when (new.page_no > 50) execute function gate();"""
AT_GATE = "select from pg_locks where locktype = 'advisory' and objid = %s and not granted"
# when each range was saved, and by which transaction
SAVED = "select xmin::text, done_at from document_pages where range_no = %s order by page_no"
BLOCKS = "select xmin::text, block_id from blocks where range_no = %s order by seq"


@contextmanager
def a_worker() -> Iterator[subprocess.Popen[bytes]]:
    """The real worker as a process of its own, with the settings of the product that stands and one handler at a time,
    so that the ranges come in their order: the one at the gate holds the row that the other needs."""
    one = os.environ | {"WORKER_THREADS": "1"}
    command = [sys.executable, "-m", "infra.local.worker"]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, env=one)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_f11_after_a_kill_the_ranges_that_were_read_stay_and_the_others_are_read_once(
    own_databases: Databases, tmp_path: Path
) -> None:
    with psycopg.connect(own_databases.owner_url) as owner:
        owner.execute(GATED)
    with (
        standing_product(own_databases, tmp_path / "data") as product,
        psycopg.connect(own_databases.owner_url, autocommit=True) as gate,
    ):
        rows = Rows(product)
        gate.execute("select pg_advisory_lock(%s)", (GATE,))
        with a_worker() as first:
            document_id, job_id = send(product, a_pdf(tmp_path, PAGES))
            wait_for(
                lambda: gate.execute(AT_GATE, (GATE,)).rowcount > 0 and bool(rows.attempts(job_id, "ParseRange", "0"))
            )
            kept = rows.all(SAVED, 0), rows.all(BLOCKS, 0), rows.attempts(job_id, "ParseRange", "0")
            first.kill()
            first.wait()
        assert rows.column("select pages_done from parse_runs") == [50]
        assert rows.status(job_id) == "running"
        gate.execute("select pg_advisory_unlock(%s)", (GATE,))
        with a_worker():
            wait_for(lambda: rows.status(job_id) in ("succeeded", "failed"))
            check_promises(product, job_id, "succeeded")
        assert (rows.all(SAVED, 0), rows.all(BLOCKS, 0), rows.attempts(job_id, "ParseRange", "0")) == kept
        [(manifest, done, expected)] = rows.all("select manifest, pages_done, pages_expected from parse_runs")
        assert (done, expected, sorted(part["range_no"] for part in manifest["ranges"])) == (PAGES, PAGES, [0, 1])
        assert rows.column("select count(*) from blocks group by range_no order by range_no") == [50, 3]
        assert rows.column("select status from documents where document_id = %s", document_id) == ["indexed"]
