"""Small documents and evaluations that go through a product by themselves or wait for a person."""

from pathlib import Path

from shared.usecases.start_evaluation import StartedEvaluation, start_evaluation
from tests.contract.parsing_samples import make_pdf, write_lines
from tests.evaluation_seed import BID, DELIVERY, Seed, criterion
from tests.product import TestProduct
from tests.rows import a_project

TEXT = "1 Form of Tender\n\nBidder: Northwind Ltd.\n\nDelivery period: 60 calendar days from {name}.\n"


def a_text(folder: Path, name: str) -> Path:
    """A text file of one page; the name makes its bytes differ from all others."""
    path = folder / f"{name}.txt"
    path.write_text(TEXT.format(name=name))
    return path


def a_pdf(folder: Path, pages: int, name: str = "bid") -> Path:
    """A PDF with one line of prose in the middle of each page."""
    lines = [f"The bay {n * n} of {name} holds {n + 7} shelves of oak." for n in range(1, pages + 1)]
    draw = [lambda canvas, line=line: write_lines(canvas, (line,), y=500) for line in lines]
    return make_pdf(folder / f"{name}.pdf", *draw)


def send(product: TestProduct, path: Path) -> tuple[str, str]:
    """Upload a tender document: its id and its job."""
    (item,) = product.upload(a_project(product.parts().records), None, path, doc_type="tender")
    assert item.document_id and item.job_id
    return item.document_id, item.job_id


def evaluate(product: TestProduct) -> StartedEvaluation:
    """Start an evaluation that a rule decides alone: no person is asked, one report follows."""
    limit = criterion(
        "T-1",
        "numeric_limit",
        points="100",
        test=DELIVERY,
        requirement="Delivery within 60 calendar days",
        queries=["delivery period in calendar days"],
    )
    parts = product.parts()
    seed = Seed(parts.records, [limit], url=product.databases.app_url)
    supplier = seed.bid("S-1", *BID)
    return start_evaluation(seed.command(supplier), records=parts.records, ids=parts.ids, clock=parts.clock)
