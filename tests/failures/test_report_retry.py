"""The object store refuses the report's put once, under the running product (F26 of spec 06)."""

from pathlib import Path
from typing import Any

from infra.local.postgres import Databases
from shared.adapters.filesystem import FilesystemObjects
from shared.domain.errors import Retryable
from shared.ports.objects import StoredObject
from shared.usecases.submit_review import SubmitReview, submit_review
from shared.wiring import Services
from tests.failures.waiting import Waiting, start_waiting, wait_for
from tests.product import running_product
from tests.records import clock


class Refusing(FilesystemObjects):
    """Refuses the first put of a report of this evaluation; the worker does what other tests left undone, too."""

    evaluation_id = ""

    def put(self, key: str, body: bytes | Path, **more: Any) -> StoredObject:
        if self.evaluation_id and f"/reports/{self.evaluation_id}/" in key:
            self.evaluation_id = ""
            raise Retryable("DEPENDENCY_UNAVAILABLE")
        return super().put(key, body, **more)


def approve(waiting: Waiting) -> None:
    """A person's points, after which the report is built."""
    review_id, token = waiting.claim()
    command = SubmitReview(
        review_id=review_id,
        resume_token=token,
        decision="edit_scores",
        comment="Read and decided.",
        edits=(waiting.seed.points("T-2", "48"),),
    )
    waiting.product.run(submit_review, command, **waiting.person())


def test_f26_the_running_product_retries_the_put_and_has_one_report(databases: Databases, tmp_path: Path) -> None:
    root = tmp_path / "product"
    objects = Refusing(root / "objects", base_url="http://localhost", key=b"k" * 32, clock=clock)

    def prepare(made: Services) -> None:
        vars(made)["objects"] = objects

    with running_product(databases, root, prepare) as product:
        waiting = start_waiting(product)
        objects.evaluation_id = waiting.evaluation_id
        approve(waiting)
        wait_for(lambda: waiting.records.jobs.get(waiting.job_id).status in ("succeeded", "failed"))
        job = waiting.records.jobs.get(waiting.job_id)
        assert (job.status, job.retry_count, waiting.status()) == ("succeeded", 1, "report_generated")
        [report] = waiting.records.reports.of_evaluation(waiting.evaluation_id)
        assert objects.head(report.object_key).sha256 == report.sha256
        tries = waiting.records.session.rows(
            "select attempt, error_code from step_attempts where step = 'BuildReport' order by attempt"
        )
        assert [tuple(row.values()) for row in tries] == [(0, "DEPENDENCY_UNAVAILABLE"), (1, None)]
