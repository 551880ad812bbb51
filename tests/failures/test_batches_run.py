"""Batches through the whole product: outbox, lease, items' own jobs, their ends, and a cancel (spec A113, A118)."""

from pathlib import Path
from typing import Any

import psycopg

from infra.local.postgres import Databases
from shared.domain.batches import BatchCounts
from shared.usecases.cancel_batch import CancelBatch, cancel_batch
from shared.usecases.start_batch import AskedItem, StartBatch, StartedBatch, start_batch
from tests.batches import NOWHERE
from tests.exports import a_report
from tests.failures.waiting import start_waiting, wait_for
from tests.failures.work import a_text, send
from tests.product import TestProduct, running_product


def started(product: TestProduct, kind: str, *payloads: dict[str, Any]) -> StartedBatch:
    items = [AskedItem(payload=payload) for payload in payloads]
    made: StartedBatch = product.run(start_batch, StartBatch(kind=kind, items=items))
    return made


def counts(product: TestProduct, made: StartedBatch) -> BatchCounts:
    return product.parts().records.batches.counts(made.batch.batch_id)


def test_good_and_bad_items_end_each_by_itself_in_the_running_product(databases: Databases, tmp_path: Path) -> None:
    with running_product(databases, tmp_path) as product:
        _, report_id = a_report(databases, product.tenant_id, objects=product.made.objects)
        with psycopg.connect(databases.owner_url) as owner:  # the PDF is not the one that was filed
            owner.execute("select set_config('app.tenant_id', %s, true)", (product.tenant_id,))
            owner.execute("update reports set pdf_sha256 = repeat('0', 64) where report_id = %s", (report_id,))
        asked = [("csv", report_id), ("csv", NOWHERE), ("json", report_id), ("pdf", report_id)] * 5
        made = started(product, "export", *({"kind": kind, "report_id": report} for kind, report in asked))
        wait_for(lambda: counts(product, made).open == 0)
        records = product.parts().records
        wait_for(lambda: records.jobs.get(made.job.job_id).status == "succeeded")
        done = counts(product, made)
        assert (done.total, done.succeeded, done.failed, done.canceled) == (20, 10, 10, 0)
        assert records.batches.get(made.batch.batch_id).status == "completed"
        items = records.batches.items(made.batch.batch_id, after=0, limit=100)
        codes = [item.error_code for item in items]
        assert codes == [None, "REPORT_NOT_FOUND", None, "DATA_CORRUPTED"] * 5
        jobs = records.session.rows(
            "select count(*) as n from jobs where batch_id = %(id)s and job_type = 'export'", id=made.batch.batch_id
        )
        assert jobs == [{"n": 15}]


def test_documents_are_parsed_again_by_the_running_product(databases: Databases, tmp_path: Path) -> None:
    with running_product(databases, tmp_path / "data") as product:
        document_id, job_id = send(product, a_text(tmp_path, "twice"))
        assert product.wait_for_job(job_id).status == "succeeded"
        first = product.parts().records.documents.get(document_id)
        asked = [{"document_id": one, "reason": "newer reader"} for one in (document_id, "doc_1")]
        made = started(product, "parse", *asked)
        wait_for(lambda: counts(product, made).open == 0)
        records = product.parts().records
        wait_for(lambda: records.batches.get(made.batch.batch_id).status == "completed")
        items = records.batches.items(made.batch.batch_id, after=0, limit=9)
        assert [(item.status, item.error_code) for item in items] == [("succeeded", None), ("failed", "DOC_NOT_FOUND")]
        again = records.documents.get(document_id)
        assert (again.status, again.parse_run_id != first.parse_run_id) == ("indexed", True)
        runs = [records.chunks.of_run(run or "") for run in (first.parse_run_id, again.parse_run_id)]
        assert [chunk.chunk_id for chunk in runs[0]] == [chunk.chunk_id for chunk in runs[1]] != []
        assert product.parts().index.count(document_id) == len(runs[1])
        with psycopg.connect(databases.platform_url) as platform:
            ran = "select status from local_platform.executions where name like %s"
            wait_for(lambda: platform.execute(ran, [f"{items[0].job_id}-%"]).fetchall() != [("RUNNING",)])
            assert platform.execute(ran, [f"{items[0].job_id}-%"]).fetchall() == [("SUCCEEDED",)]


def test_a_canceled_batch_cancels_an_evaluation_that_waits_for_a_person(databases: Databases, tmp_path: Path) -> None:
    with running_product(databases, tmp_path) as product:
        waiting = start_waiting(product)
        evaluation = product.parts().records.evaluations.get(waiting.evaluation_id)
        item = {
            "project_id": evaluation.project_id,
            "supplier_id": evaluation.supplier_id,
            "rule_pack_id": evaluation.rule_pack_id,
            "rule_pack_version": evaluation.rule_pack_version,
        }
        made = started(product, "evaluate", item, item | {"rerun_of": waiting.evaluation_id})
        records = product.parts().records

        def second() -> Any:
            return records.batches.items(made.batch.batch_id, after=1, limit=1)[0]

        wait_for(lambda: second().job_id is not None)
        job = product.wait_for_job(second().job_id)
        assert (job.status, job.lane) == ("running", "bulk") and job.waiting_on
        product.run(cancel_batch, CancelBatch(batch_id=made.batch.batch_id, reason="enough"))
        wait_for(lambda: counts(product, made).open == 0)
        done = counts(product, made)
        assert (done.failed, done.canceled) == (1, 1)
        first = records.batches.items(made.batch.batch_id, after=0, limit=1)[0]
        assert (first.error_code, second().error_code) == ("EVALUATION_DUPLICATE", "JOB_CANCELED")
        assert records.jobs.get(second().job_id).status == "canceled"
        assert records.batches.get(made.batch.batch_id).status == "canceled"
        assert waiting.status() == "needs_manual_decision"
