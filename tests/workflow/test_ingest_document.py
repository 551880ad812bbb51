"""ingest_document from end to end: the real ASL, the real handlers, real files, a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.postgres import Databases
from tests.contract.parsing_samples import offer_docx, offer_pdf
from tests.product import TestProduct, running_product
from tests.rows import a_project


@pytest.fixture(scope="module")
def product(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestProduct]:
    with running_product(databases, tmp_path_factory.mktemp("product")) as running:
        yield running


def test_a_pdf_becomes_indexed_chunks_whose_lines_have_boxes(product: TestProduct, tmp_path: Path) -> None:
    project_id = a_project(product.parts().records)
    (item,) = product.upload(project_id, None, offer_pdf(tmp_path), doc_type="tender")
    assert item.job_id and item.document_id
    job = product.wait_for_job(item.job_id)
    assert (job.status, job.error) == ("succeeded", None)
    assert job.progress_done == 100
    run = product.parts().records.jobs.newest_run(item.job_id)
    events = product.parts().records.jobs.events(run.run_id, after=0, limit=100)
    assert [e["stage"] for e in events if e["event_type"] == "run.stage.changed"] == ["ingest", "parse", "index"]
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    records = product.parts().records
    document = records.documents.get(item.document_id)
    assert (document.status, document.page_count) == ("indexed", 2)
    chunks = records.chunks.on_page(item.document_id)
    assert {chunk.chunk_type for chunk in chunks} == {"text", "table"}
    assert all(chunk.positions for chunk in chunks)
    assert product.parts().index.count(item.document_id) == len(chunks)


def test_a_docx_becomes_indexed_chunks_on_virtual_pages(product: TestProduct, tmp_path: Path) -> None:
    (item,) = product.upload(a_project(product.parts().records), None, offer_docx(tmp_path), doc_type="tender")
    assert item.job_id and item.document_id
    job = product.wait_for_job(item.job_id)
    assert (job.status, job.error) == ("succeeded", None)
    assert product.parts().records.chunks.on_page(item.document_id)


def test_a_truncated_pdf_fails_with_its_code_and_leaves_no_chunk(product: TestProduct, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(offer_pdf(tmp_path).read_bytes()[:700])
    (item,) = product.upload(a_project(product.parts().records), None, broken, doc_type="tender")
    assert item.job_id and item.document_id
    job = product.wait_for_job(item.job_id)
    assert (job.status, job.error_code) == ("failed", "DOC_PARSE_PDF_CORRUPT")
    assert job.dlq_id is not None
    records = product.parts().records
    assert records.documents.get(item.document_id).status == "parse_failed"
    assert records.chunks.on_page(item.document_id) == []
    run = records.jobs.newest_run(item.job_id)
    assert run.status == "failed"
    assert [e["event_type"] for e in records.jobs.events(run.run_id, after=0, limit=99)][-2:] == [
        "run.failed",
        "run.closed",
    ]
