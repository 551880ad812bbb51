"""`make up` survives kill -9 of each of its processes: the work goes on, and nothing happens twice."""

import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from infra.local.demo_decisions import quote_of
from infra.local.demo_documents import BidFiles, DemoProject
from infra.local.demo_run import Entered, enter, start_evaluations, waiting_reviews
from infra.local.local_secrets import ensure_secrets
from infra.local.tenants import demo_tenant
from shared.adapters.postgres.trail import chain_hash, tenant_audit_key
from shared.adapters.system import derive_key
from tests.archives import write_zip
from tests.contract.parsing_samples import make_pdf, write_lines
from tests.workflow.up_process import PATIENCE, Up, is_gone, until, write_pack

TENANT = demo_tenant().tenant_id
PAGES = (
    ("Bid for shelving", "Bidder: Northwind Archive Systems Ltd.", "Total bid price: USD 1,250,000.00"),
    ("Certificates", "A certificate of our quality management according to ISO 9001 is enclosed."),
    ("Method of assembly", "The shelving is assembled on site by our own staff, bay by bay, in five steps."),
)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One product for all tests of this file; it runs at the start of each."""
    up = Up(tmp_path_factory.mktemp("up") / "data")
    try:
        up.start()
        up.put_gates()
        yield up
    finally:
        up.clean()


@dataclass
class Flow:
    """One project with one bid on its way to a report."""

    up: Up
    entered: Entered

    def job(self, job_id: str) -> dict[str, Any] | None:
        """The job when it ended or waits for a person."""
        job: dict[str, Any] = self.up.client.call("GET", f"/jobs/{job_id}")
        assert job["status"] not in ("failed", "canceled"), job
        return job if job["status"] == "succeeded" or job["waiting_on"] else None

    def read(self) -> None:
        """Wait until the bid is indexed."""
        for job_id in self.entered.jobs.values():
            until(lambda job_id=job_id: self.job(job_id))

    def evaluate(self) -> str:
        """Start the evaluation and return its job."""
        (job_id,) = start_evaluations(self.up.client, self.entered).values()
        return job_id

    def claim(self, job_id: str) -> dict[str, Any]:
        """Wait until the evaluation waits, claim the review and return the request that answers it."""
        until(lambda: self.job(job_id))
        client, (evaluation_id,) = self.up.client, self.entered.evaluations.values()
        review_id = waiting_reviews(client, self.entered)[evaluation_id]["review_id"]
        criteria = client.call("GET", f"/evaluations/{evaluation_id}/criteria", role="evaluator")["items"]
        judged = next(c for c in criteria if c["criterion_code"] == "J-1")
        edit = {
            "criterion_id": judged["criterion_id"],
            "outcome": "partial",
            "score": "80",
            "reason": "Read and decided by a person.",
            "citations": [quote_of(client, judged, "first")],
        }
        claimed = client.call("POST", f"/reviews/{review_id}/claim", {}, role="evaluator")
        body = {"decision": "edit_scores", "comment": "Read and decided.", "edits": [edit]}
        return {"review_id": review_id, "job_id": job_id, "body": body | {"resume_token": claimed["resume_token"]}}

    def submit(self, claimed: dict[str, Any]) -> None:
        """Answer with the token claimed before, and wait for the report."""
        headers = {"Authorization": f"Bearer {self.up.tokens['evaluator']}", "Idempotency-Key": secrets.token_hex(8)}
        at = f"{self.up.url}/api/v1/reviews/{claimed['review_id']}/submit"
        answer = httpx.post(at, json=claimed["body"], headers=headers, timeout=60)
        assert answer.status_code == 202, answer.text
        until(lambda: (job := self.job(claimed["job_id"])) and job["status"] == "succeeded")

    def check(self) -> None:
        """One report, each verdict once, nothing half done, and an audit chain that holds."""
        (evaluation_id,) = self.entered.evaluations.values()
        (version,) = self.up.client.call("GET", f"/evaluations/{evaluation_id}/reports")["versions"]
        report = self.up.client.call("GET", f"/reports/{version['report_id']}")
        assert report["totals"]["total"] == "80"
        revisions = self.up.rows(
            """select c.code, array_agg(v.revision order by v.revision), array_agg(v.source order by v.revision)
                 from verdicts v join criteria c using (tenant_id, criterion_id)
                where v.evaluation_id = %s group by c.code order by c.code""",
            evaluation_id,
        )
        assert [(code, numbers) for code, numbers, _ in revisions] == [("J-1", [1, 2]), ("M-1", [1])]
        assert revisions[0][2][1] == "person"
        chunks, written = self.up.rows(
            """select count(*), count(*) filter (where w.status = 'acked') from chunks c
                 join index_writes w using (tenant_id, parse_run_id, chunk_id) where c.project_id = %s""",
            self.entered.project_id,
        )[0]
        assert chunks == written > 0
        assert self.up.rows("select * from step_attempts where ended_at is null") == []
        assert self.up.rows("select * from dlq_items") == []
        until(lambda: not self.up.rows("select from local_platform.executions where status = 'RUNNING'"))
        assert self.up.rows("select * from local_platform.frames") == []
        assert {row[0] for row in self.up.rows("select status from local_platform.executions")} == {"SUCCEEDED"}
        check_audit(self.up)


def check_audit(up: Up) -> None:
    """Recompute the chain of the tenant."""
    master = ensure_secrets(up.folder, ["master_key"])["master_key"].encode()
    key, before = tenant_audit_key(derive_key(master, "audit"), TENANT), None
    rows = up.rows("select prev_hash, entry_hash, entry, seq from audit_log where tenant_id = %s order by seq", TENANT)
    assert [row[3] for row in rows] == list(range(1, len(rows) + 1))
    for previous, own, entry, _ in rows:
        assert before is None or previous == before
        assert chain_hash(key, previous, entry) == own
        before = own


@pytest.fixture
def bid(tmp_path: Path) -> DemoProject:
    """A project with one bidder, whose bid is a PDF of three pages."""
    draw = [lambda canvas, lines=lines: write_lines(canvas, (*lines, tmp_path.name)) for lines in PAGES]
    files = [make_pdf(tmp_path / "bid.pdf", *draw)]
    bids = {"NORTH": BidFiles("Northwind", files)}
    rules = write_pack(tmp_path / "rules.json")
    return DemoProject(key="crash", name="Shelving", language="en", currency="USD", rules=rules, tender=[], bids=bids)


def begin(product: Up, bid: DemoProject) -> Flow:
    """Enter the project and upload its bid."""
    return Flow(product, enter(product.client, bid, secrets.token_hex(3)))


def test_a_worker_killed_while_it_parses_and_while_it_indexes_loses_nothing(product: Up, bid: DemoProject) -> None:
    with product.stopped_at("index_writes") as wait_for_indexing:
        with product.stopped_at("blocks") as wait_for_parsing:
            flow = begin(product, bid)
            wait_for_parsing()
            parsers = product.parsers()
            assert parsers
            product.kill("worker")
            until(lambda: all(is_gone(parser) for parser in parsers))
        wait_for_indexing()
        product.kill("worker")
    flow.read()
    flow.submit(flow.claim(flow.evaluate()))
    flow.check()


SECOND_FILE = """
    create function gate_file() returns trigger language plpgsql as $$
      begin perform pg_advisory_xact_lock_shared(17); return new; end $$;
    create trigger gate_file before insert on archive_entries
      for each row when (new.entry_no = 1) execute function gate_file()"""


def test_a_worker_killed_between_two_files_of_an_archive_registers_each_once(product: Up, bid: DemoProject) -> None:
    (offer,) = bid.bids["NORTH"].files
    files = {"offer.pdf": offer.read_bytes(), "terms.txt": b"Warranty period: 36 months\n", "notes.md": b"# Notes\n"}
    bid.bids["NORTH"].files[:] = [write_zip(offer.with_name("bid.zip"), files)]
    with product.database() as connection:
        connection.execute(SECOND_FILE)
        connection.execute("select pg_advisory_lock(17)")
        flow = begin(product, bid)
        stands = "select from pg_locks where locktype = 'advisory' and objid = 17 and not granted"
        until(lambda: connection.execute(stands).rowcount)
        (first,) = connection.execute("select parent_id, entry_no, outcome from archive_entries").fetchall()
        assert first[1:] == (0, "registered")
        product.kill("worker")
    flow.read()
    archive = product.client.call("GET", f"/documents/{first[0]}")
    assert [(e["name"], e["outcome"]) for e in archive["entries"]] == [(name, "registered") for name in files]
    children = list(product.client.items("/documents", parent_id=first[0]))
    assert {child["document_id"] for child in children} == {entry["document_id"] for entry in archive["entries"]}
    every = list(product.client.items("/documents", project_id=flow.entered.project_id))
    assert len(every) == 1 + len(files) == 1 + len(children)
    jobs = list(product.client.items("/jobs", project_id=flow.entered.project_id))
    assert sorted(job["resource"]["id"] for job in jobs) == sorted(document["document_id"] for document in every)
    flow.entered.jobs = {job["job_id"]: job["job_id"] for job in jobs}
    flow.read()
    flow.submit(flow.claim(flow.evaluate()))
    flow.check()


def test_a_worker_killed_while_it_evaluates_writes_each_verdict_once(product: Up, bid: DemoProject) -> None:
    flow = begin(product, bid)
    flow.read()
    with product.stopped_at("verdicts") as wait_for_verdict:
        job_id = flow.evaluate()
        wait_for_verdict()
        product.kill("worker")
    flow.submit(flow.claim(job_id))
    flow.check()


def test_after_a_kill_of_everything_the_review_is_answered_with_the_token_it_had(product: Up, bid: DemoProject) -> None:
    flow = begin(product, bid)
    flow.read()
    claimed = flow.claim(flow.evaluate())
    product.kill_everything()
    product.start()
    flow.submit(claimed)
    flow.check()


def test_a_new_make_up_takes_over_from_a_killed_one_in_the_middle_of_parsing(product: Up, bid: DemoProject) -> None:
    with product.stopped_at("blocks") as wait_for_parsing:
        flow = begin(product, bid)
        wait_for_parsing()
        left = [psutil.Process(product.pid(name)) for name in ("api", "worker")]
        product.kill("parent")
        product.start()
        assert all(is_gone(process) for process in left)
    flow.read()
    flow.submit(flow.claim(flow.evaluate()))
    flow.check()


def test_a_killed_database_comes_back_under_the_running_product(product: Up, bid: DemoProject) -> None:
    flow = begin(product, bid)
    flow.read()
    with product.stopped_at("verdicts") as wait_for_verdict:
        job_id = flow.evaluate()
        wait_for_verdict()
        before = product.pid("postgres")
        product.kill("postgres")
    headers = {"Authorization": f"Bearer {product.tokens['agent']}"}
    seen = set()

    def answered() -> bool:
        answer = httpx.get(f"{product.url}/api/v1/projects", headers=headers, timeout=30)
        seen.add((answer.status_code, (answer.json().get("error") or {}).get("code")))
        return answer.status_code == 200

    until(answered)
    assert seen <= {(200, None), (503, "DEPENDENCY_UNAVAILABLE")}
    assert product.pid("postgres") != before
    flow.submit(flow.claim(job_id))
    flow.check()


def test_a_parser_killed_at_work_is_replaced(product: Up, bid: DemoProject) -> None:
    begin(product, bid).read()
    parsers = [process for process in product.parsers() if "PdfTextParser" in str(process.cmdline())]
    assert parsers
    for parser in parsers:
        parser.suspend()
    flow = begin(product, bid)
    at_work = "select from local_platform.frames where state in ('RoutePages', 'ParseRange')"
    until(lambda: product.rows(at_work))
    for parser in parsers:
        parser.kill()
    flow.read()


def test_a_killed_api_comes_back_by_itself(product: Up, bid: DemoProject) -> None:
    flow = begin(product, bid)
    flow.read()
    claimed = flow.claim(flow.evaluate())
    product.kill("api")
    until(lambda: httpx.get(f"{product.url}/health/ready").status_code == 200)
    flow.submit(claimed)
    flow.check()


def test_a_second_make_up_on_the_same_folder_says_so_and_changes_nothing(product: Up) -> None:
    other = Up(product.folder)
    other.output = product.folder.with_suffix(".second")
    assert other.spawn().wait(PATIENCE) == 1
    assert other.output.read_text().splitlines() == [
        f"Bidproof already runs at {product.url} with the data of {product.folder}"
    ]
    assert httpx.get(f"{product.url}/health/ready").status_code == 200


def test_a_port_that_is_taken_is_named_in_one_line(tmp_path: Path) -> None:
    other = Up(tmp_path / "data")
    with socket.create_server(("127.0.0.1", other.port)):
        assert other.spawn().wait(PATIENCE) == 1
    (line,) = other.output.read_text().splitlines()
    assert line.startswith(f"port {other.port} of 127.0.0.1 is not free")
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_first_start_killed_while_it_makes_the_database_is_begun_again(tmp_path: Path) -> None:
    other = Up(tmp_path / "data")
    first = other.spawn()
    until(lambda: (other.folder / "postgres" / "PG_VERSION").exists())
    first.kill()
    first.wait()
    try:
        other.start()
        assert other.finish() == 0
    finally:
        other.clean()


def test_sigterm_ends_everything_and_nothing_is_left_running(product: Up) -> None:
    processes = product.processes()
    assert len(processes) > 3
    assert product.finish() == 0
    assert all(is_gone(process) for process in processes)
