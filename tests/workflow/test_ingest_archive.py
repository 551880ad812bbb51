"""A bid that comes as an archive, from upload to cited verdict: the real machine, handlers, readers and database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.local.postgres import Databases
from infra.local.state_machine import resolve_function
from shared.domain.errors import Refused
from shared.domain.jobs import Job
from shared.usecases.start_evaluation import StartedEvaluation, start_evaluation
from tests.archives import write_raw, write_zip
from tests.contract.parsing_samples import PROSE, make_pdf, write_lines
from tests.evaluation_seed import Seed, limit_alone
from tests.product import TestProduct, running_product
from tests.records import clock, ids, make_records

FORM = b"1 Form of Tender\n\nBidder: Northwind Ltd.\n\nDelivery period: 45 calendar days\n"


def twice(name: str) -> Callable[[Any, Any], Any]:
    """The function of this name; each call of UnpackArchive is delivered twice, and both say the same."""
    handler = resolve_function(name)

    def delivered(event: Any, context: Any) -> Any:
        first = handler(event, context)
        if name == "unpack_archive":
            assert handler(event, context) == first
        return first

    return delivered


@pytest.fixture(scope="module")
def product(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestProduct]:
    with running_product(databases, tmp_path_factory.mktemp("product"), resolve=twice) as running:
        yield running


@pytest.fixture(scope="module")
def seed(product: TestProduct) -> Seed:
    """A project and a rule pack of one criterion."""
    return Seed(make_records(product.databases, product.tenant_id), limit_alone(), url=product.databases.app_url)


@dataclass
class Bid:
    """A supplier in a project of the seed, and the archive that was sent for it."""

    product: TestProduct
    seed: Seed
    supplier_id: str
    document_id: str
    job: Job

    def evaluate(self) -> StartedEvaluation:
        """Start the evaluation of the bid."""
        parts = self.product.parts()
        command = self.seed.command(self.supplier_id)
        return start_evaluation(command, records=parts.records, ids=parts.ids, clock=clock)


def send(product: TestProduct, seed: Seed, path: Path) -> Bid:
    """Upload the archive as the only file of a bid and wait until it and all that came out of it has ended."""
    records = seed.records
    supplier_id = ids.new("sup")
    records.session.execute(
        "insert into suppliers (supplier_id, code, name) values (%(id)s, %(id)s, 'Northwind')", id=supplier_id
    )
    (item,) = product.upload(seed.project.project_id, supplier_id, path)
    assert item.document_id and item.job_id
    job = product.wait_for_job(item.job_id)
    for child in records.documents.list(filters={"parent_id": item.document_id}, before=None, limit=100):
        (of_child,) = records.jobs.list(filters={"resource_id": child.document_id}, before=None, limit=9)
        product.wait_for_job(of_child.job_id)
    return Bid(product, seed, supplier_id, item.document_id, job)


def test_files_of_an_archive_are_read_and_a_verdict_cites_one_of_them(
    product: TestProduct, seed: Seed, tmp_path: Path
) -> None:
    method = make_pdf(tmp_path / "method.pdf", lambda canvas: write_lines(canvas, PROSE)).read_bytes()
    names = ["投标文件/技术方案.pdf", "投标文件/投标函.txt"]
    contents = [(name.encode("gb18030"), body) for name, body in zip(names, (method, FORM), strict=True)]
    bid = send(product, seed, write_raw(tmp_path / "bid.zip", contents, method=8))
    assert (bid.job.status, bid.job.error) == ("succeeded", None)
    records = bid.seed.records
    archive = records.documents.get(bid.document_id)
    assert (archive.status, archive.parse_run_id) == ("indexed", None)
    assert [row.name for row in records.archives.of(bid.document_id)] == names
    children = records.documents.list(filters={"parent_id": bid.document_id}, before=None, limit=9)
    assert {child.filename: child.status for child in children} == {"技术方案.pdf": "indexed", "投标函.txt": "indexed"}
    for child in children:
        chunks = records.chunks.on_page(child.document_id)
        assert chunks and product.parts().index.count(child.document_id) == len(chunks)
    assert records.chunks.on_page(bid.document_id) == []
    started = bid.evaluate()
    assert product.wait_for_job(started.job.job_id).status == "succeeded"
    pinned = records.evaluations.documents(started.evaluation.evaluation_id)
    assert {document.document_id for document in pinned} == {child.document_id for child in children}
    (verdict,) = records.verdicts.current(started.evaluation.evaluation_id)
    assert verdict.outcome == "pass"
    form = next(child for child in children if child.filename == "投标函.txt")
    cited = records.session.rows(
        "select document_id, quote from citations where verdict_id = %(id)s", id=verdict.verdict_id
    )
    assert cited and {row["document_id"] for row in cited} == {form.document_id}
    assert any("45 calendar days" in row["quote"] for row in cited)


def test_a_refused_file_of_the_archive_is_no_silent_absence(product: TestProduct, seed: Seed, tmp_path: Path) -> None:
    files = {
        "offer.txt": b"We are pleased to bid. Our staff is skilled.\n",
        "schedule.xlsx": b"PK\x03\x04 no container",
    }
    bid = send(product, seed, write_zip(tmp_path / "bid.zip", files))
    assert bid.job.status == "succeeded"
    rows = bid.seed.records.archives.of(bid.document_id)
    assert [(row.outcome, row.error_code) for row in rows] == [
        ("registered", None),
        ("refused", "INPUT_UNSUPPORTED_FORMAT"),
    ]
    job = product.wait_for_job(bid.evaluate().job.job_id)
    assert job.waiting_on == "review"
    (verdict,) = bid.seed.records.verdicts.current(job.resource_id)
    assert verdict.outcome == "needs_human"
    log = bid.seed.records.searches.log(verdict.search_log_id or "")
    assert log is not None and log.coverage["missing_documents"] == [bid.document_id]


def test_an_archive_that_is_refused_blocks_its_bid(product: TestProduct, seed: Seed, tmp_path: Path) -> None:
    bid = send(product, seed, write_raw(tmp_path / "bid.zip", [(b"offer.txt", FORM), (b"../../evil.txt", FORM)]))
    assert (bid.job.status, bid.job.error_code) == ("failed", "INPUT_ARCHIVE_UNSAFE")
    records = bid.seed.records
    assert records.documents.get(bid.document_id).status == "parse_failed"
    assert records.documents.list(filters={"parent_id": bid.document_id}, before=None, limit=9) == []
    with pytest.raises(Refused) as caught:
        bid.evaluate()
    assert caught.value.code == "BID_INCOMPLETE"
