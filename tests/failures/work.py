"""Small documents and evaluations that go through a product by themselves or wait for a person."""

import zipfile
from pathlib import Path

from shared.usecases.start_evaluation import StartedEvaluation, start_evaluation
from shared.usecases.submit_review import SubmitReview, submit_review
from tests.contract.parsing_samples import make_pdf, write_lines
from tests.evaluation_seed import BID, Seed, limit_alone
from tests.failures.promises import Rows
from tests.failures.waiting import Waiting
from tests.product import TestProduct
from tests.records import new_tenant
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


def a_zip(folder: Path, *paths: Path) -> Path:
    """An archive of the files."""
    with zipfile.ZipFile(folder / "bid.zip", "w") as archive:
        for path in paths:
            archive.write(path, path.name)
    return folder / "bid.zip"


def send(product: TestProduct, path: Path) -> tuple[str, str]:
    """Upload a tender document: its id and its job."""
    (item,) = product.upload(a_project(product.parts().records), None, path, doc_type="tender")
    assert item.document_id and item.job_id
    return item.document_id, item.job_id


def evaluate(product: TestProduct) -> StartedEvaluation:
    """Start an evaluation that a rule decides alone: no person is asked, one report follows."""
    parts = product.parts()
    seed = Seed(parts.records, limit_alone(), url=product.databases.app_url)
    supplier = seed.bid("S-1", *BID)
    return start_evaluation(seed.command(supplier), records=parts.records, ids=parts.ids, clock=parts.clock)


def answer(waiting: Waiting, *, points: bool = True) -> None:
    """Claim the review of a waiting evaluation and give points to what waits, or reject the bid."""
    review_id, token = waiting.claim()
    edits = (waiting.seed.points("T-2", "48"),) if points else ()
    command = SubmitReview(
        review_id=review_id,
        resume_token=token,
        decision="edit_scores" if points else "reject",
        comment="Read and decided.",
        edits=edits,
    )
    waiting.product.run(submit_review, command, **waiting.person())


def let_expire(waiting: Waiting) -> None:
    """Move the deadline of the review and of the machine's token into the past."""
    review_id = waiting.review_id()
    waiting.owner("update reviews set due_at = clock_timestamp() - interval '1 s' where review_id = %s", review_id)
    lines = "select frame_id from local_platform.frames where execution_id like %s"
    run = f"%:{waiting.job_id}-%"
    waiting.platform(
        f"update local_platform.tokens set timeout_at = clock_timestamp() where frame_id in ({lines})", run
    )
    waiting.platform(
        f"update local_platform.frames set due_at = clock_timestamp() where phase = 'token' and frame_id in ({lines})",
        run,
    )


def at_rest(waiting: Waiting) -> bool:
    """Whether the machine waits for a person under its newest token."""
    line = "select from local_platform.frames where phase = 'token' and execution_id like %s"
    rows = Rows(waiting.product)
    waits = rows.column("select waiting_on from jobs where job_id = %s", waiting.job_id) == ["review"]
    return waits and bool(rows.platform(line, f"%:{waiting.job_id}-%"))


def check_verdicts(rows: Rows, evaluation_id: str) -> None:
    """One suggestion per criterion and one decision on T-2; a slow search on a busy machine sends T-1 to review too."""
    found = rows.all(
        """select c.code, v.revision, v.source from verdicts v join criteria c using (tenant_id, criterion_id)
            where v.evaluation_id = %s order by 1, 2""",
        evaluation_id,
    )
    confirmed = [("T-1", 2, "person")] if ("T-1", 2, "person") in found else []
    assert found == [("T-1", 1, "rule"), *confirmed, ("T-2", 1, "rule"), ("T-2", 2, "person")]


def beside(product: TestProduct) -> TestProduct:
    """The same product for another, new tenant."""
    return TestProduct(product.made, new_tenant(product.databases), product.databases)
