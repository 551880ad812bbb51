"""An evaluation that waits for a person in a running product, from rows of a seed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from shared.domain.jobs import Job
from shared.usecases.claim_review import ClaimReview, claim_review
from shared.usecases.start_evaluation import start_evaluation
from shared.usecases.submit_review import SubmitReview, submit_review
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.product import TestProduct
from tests.records import make_records


@dataclass
class Waiting:
    """One evaluation, its seed and the product that runs it."""

    product: TestProduct
    seed: Seed
    evaluation_id: str
    job_id: str

    @property
    def records(self) -> Any:
        """The tenant's records, as the system."""
        return self.seed.records

    def review_id(self) -> str:
        """The newest review."""
        return str(self.records.reviews.list(filters=self.mine, before=None, limit=1)[0].review_id)

    @property
    def mine(self) -> dict[str, str]:
        """A filter."""
        return {"evaluation_id": self.evaluation_id}

    def person(self) -> dict[str, Any]:
        """Who answers."""
        return {"actor_id": "usr_reviewer", "roles": ("evaluator",)}

    def claim(self) -> tuple[str, str]:
        """Claim the newest review: its id and the token."""
        review_id = self.review_id()
        return review_id, self.product.run(claim_review, ClaimReview(review_id=review_id), **self.person()).resume_token

    def submit(self, review_id: str, token: str, decision: str = "reject") -> Any:
        """Answer it."""
        command = SubmitReview(review_id=review_id, resume_token=token, decision=decision, comment="Read and decided.")
        return self.product.run(submit_review, command, **self.person())

    def job(self) -> Job:
        """The job that the evaluation belongs to now."""
        found: Job = self.records.jobs.get(self.records.evaluations.get(self.evaluation_id).job_id)
        return found

    def status(self) -> str:
        """Of the evaluation."""
        return str(self.records.evaluations.get(self.evaluation_id).status)

    def platform(self, query: str, *values: Any) -> int:
        """One statement on the local platform's tables; rows touched."""
        with psycopg.connect(self.product.databases.platform_url, autocommit=True) as connection:
            return connection.execute(query, values).rowcount

    def owner(self, query: str, *values: Any) -> int:
        """One statement as the owner, in the tenant's scope; rows touched."""
        with psycopg.connect(self.product.databases.owner_url) as connection:
            connection.execute("select set_config('app.tenant_id', %s, true)", (self.product.tenant_id,))
            return connection.execute(query, values).rowcount


def start_waiting(product: TestProduct, *, until_waiting: bool = True) -> Waiting:
    """Start an evaluation with one criterion for rules and one for a person, and wait until it asks."""
    seed = Seed(make_records(product.databases, product.tenant_id), limit_and_judged(), url=product.databases.app_url)
    supplier = seed.bid("S-1", *BID)
    parts = product.parts()
    started = start_evaluation(
        seed.command(supplier, force_review=True), records=parts.records, ids=parts.ids, clock=parts.clock
    )
    made = Waiting(product, seed, started.evaluation.evaluation_id, started.job.job_id)
    if until_waiting:
        wait_for(lambda: made.job().waiting_on == "review")
    return made


def wait_for(met: Callable[[], bool], seconds: float = 60.0) -> None:
    """Poll until the condition holds; fails the test after the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if met():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")
