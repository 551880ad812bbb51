"""Exports through the whole product: outbox, queue of tasks, lease, file."""

from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Retryable
from shared.usecases import render_export as rendering
from shared.usecases.request_export import RequestExport, request_export
from tests.exports import a_report
from tests.product import running_product


def test_an_export_is_made_by_the_running_product(databases: Databases, tmp_path: Path) -> None:
    with running_product(databases, tmp_path) as product:
        _, report_id = a_report(databases, product.tenant_id, objects=product.made.objects)
        made = product.run(request_export, RequestExport(kind="pdf", report_id=report_id))
        assert product.wait_for_job(made.job.job_id).status == "succeeded"
        export = product.parts().records.exports.get(made.export.export_id)
        assert export.status == "ready" and product.made.objects.head(export.object_key or "").sha256 == export.sha256


def test_a_failed_try_is_made_again_by_the_running_product(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = rendering._body, [Retryable("DEPENDENCY_UNAVAILABLE")]

    def body(*given: object) -> bytes:
        if failures:
            raise failures.pop()
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(rendering, "_body", body)
    with running_product(databases, tmp_path) as product:
        _, report_id = a_report(databases, product.tenant_id, objects=product.made.objects)
        made = product.run(request_export, RequestExport(kind="json", report_id=report_id))
        job = product.wait_for_job(made.job.job_id)
        assert (job.status, job.retry_count, failures) == ("succeeded", 1, [])
