"""`make up` survives kill -9 of each of its processes: the work goes on, and nothing happens twice."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from infra.local.demo_documents import BidFiles, DemoProject
from tests.archives import write_zip
from tests.contract.parsing_samples import make_pdf, write_lines
from tests.workflow.up_flow import begin
from tests.workflow.up_process import PATIENCE, Up, is_gone, until, write_pack

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


@pytest.fixture
def bid(tmp_path: Path) -> DemoProject:
    """A project with one bidder, whose bid is a PDF of three pages."""
    draw = [lambda canvas, lines=lines: write_lines(canvas, (*lines, tmp_path.name)) for lines in PAGES]
    files = [make_pdf(tmp_path / "bid.pdf", *draw)]
    bids = {"NORTH": BidFiles("Northwind", files)}
    rules = write_pack(tmp_path / "rules.json")
    return DemoProject(key="crash", name="Shelving", language="en", currency="USD", rules=rules, tender=[], bids=bids)


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
